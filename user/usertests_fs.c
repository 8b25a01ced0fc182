/* Of usertests: files, directories and names. */
#include "user/usertests.h"

void
test_write(void)
{
	static const long sizes[] = {0, 1, 4095, 4096, 4097, 49152, 49153, 300000};
	bool good = true;
	char buf[8];
	int fd;

	for (size_t i = 0; i < NELEM(sizes); i++)
		good &= make_file("/t", sizes[i], i) == 0 && holds("/t", sizes[i], i);
	check(good, "write: files of all sizes read back, each over the one before");
	check(make_file("/big", 5 << 20, 3) == 0 && holds("/big", 5 << 20, 3),
		"write: 5 MiB, through the double indirect block");
	fd = open("/t", O_RDWR | O_TRUNC);
	lseek(fd, 100000, SEEK_SET);
	write(fd, "end", 3);
	lseek(fd, 50000, SEEK_SET);
	check(read(fd, buf, 8) == 8 && buf[0] == 0 && buf[7] == 0, "write: a hole reads as zeros");
	check(fsync(fd) == 0 && fsync(31) == -EBADF, "fsync");
	close(fd);
	check(unlink("/t") == 0 && unlink("/big") == 0 && open("/t", O_RDONLY) == -ENOENT,
		"unlink: it is gone");
}

void
test_names(void)
{
	struct stat st;
	char buf[8];
	int fd;

	make_file("/one", 5, 1);
	check(link("/one", "/two") == 0 && unlink("/one") == 0 && holds("/two", 5, 1),
		"link: the other name remains");
	check(link("/two", "/two") == -EEXIST && link("/none", "/x") == -ENOENT &&
			link("/bin", "/x") == -EISDIR,
		"link: errors");
	fd = open("/two", O_RDONLY);
	unlink("/two");
	check(read(fd, buf, 8) == 5 && fstat(fd, &st) == 0 && st.nlink == 0,
		"unlink: an open file lives until it is closed");
	close(fd);
	check(mkdir("/d") == 0 && mkdir("/d") == -EEXIST && mkdir("/d/e") == 0 &&
			mkdir("/none/x") == -ENOENT,
		"mkdir");
	check(make_file("/d/e/f", 10, 2) == 0 && holds("/d/../d/e/./f", 10, 2),
		"mkdir: a file in it");
	check(unlink("/d") == -EBUSY && unlink("/d/e") == -EBUSY,
		"unlink: a directory in use stays");
	check(unlink("/d/.") == -EINVAL && unlink("/d/e/..") == -EINVAL && unlink("/") == -EINVAL,
		"unlink: not . or .. or the root");
	chdir("/d/e");
	unlink("/d/e/f");
	check(unlink("/d/e") == 0 && make_file("g", 1, 1) == -ENOENT && mkdir("h") == -ENOENT,
		"unlink: nothing is made in a directory that is gone");
	chdir("/");
	check(unlink("/d") == 0, "unlink: and its parent can go");
	check(open("/bin", O_WRONLY) == -EISDIR, "open: a directory is not written");
}

/* Free blocks, counted by filling the disk and emptying it again. */
static int
fill_disk(void)
{
	int error = make_file("/fill", 1L << 30, 0);
	int fd = open("/fill", O_RDONLY);
	struct stat st;

	fstat(fd, &st);
	close(fd);
	unlink("/fill");
	return error == -ENOSPC ? (int)(st.size / 4096) : -1;
}

void
test_full(void)
{
	int before = fill_disk(), n = 0, made, gone = 0;
	char name[16];

	check(before > 100, "full: the disk's end is an error");
	mkdir("/full");
	do {
		snprintf(name, sizeof(name), "/full/n%d", n);
		made = open(name, O_WRONLY | O_CREATE);
		close(made);
	} while (made >= 0 && ++n < 2000);
	check(made == -ENOSPC && n > 100, "full: no more inodes is an error");
	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "/full/n%d", i);
		gone += unlink(name) == 0;
	}
	check(gone == n, "full: and all of them can be removed");
	check(unlink("/full") == 0 && fill_disk() == before, "full: every block came back");
}

void
test_hole(void)
{
	char buf[8];
	int fd = open("/t", O_RDWR | O_CREATE | O_TRUNC);

	lseek(fd, 100000, SEEK_SET);
	write(fd, "end", 3);
	lseek(fd, 50000, SEEK_SET);
	check(read(fd, buf, 8) == 8 && buf[0] == 0 && buf[7] == 0, "hole: reads as zeros");
	check(lseek(fd, -1, SEEK_SET) == -EINVAL && lseek(fd, 0, 7) == -EINVAL &&
			lseek(fd, 0, SEEK_END) == 100003,
		"hole: where one may seek to");
	check(fsync(fd) == 0 && fsync(31) == -EBADF, "hole: fsync");
	close(fd);
	check(unlink("/t") == 0 && open("/t", O_RDONLY) == -ENOENT, "hole: the file is gone");
}

void
test_orphan(void)
{
	struct stat st;
	char buf[8];
	int fd;

	make_file("/o", 5, 1);
	fd = open("/o", O_RDWR);
	unlink("/o");
	check(open("/o", O_RDONLY) == -ENOENT && fstat(fd, &st) == 0 && st.nlink == 0,
		"orphan: an open file without a name");
	check(write(fd, "12345678", 8) == 8 && lseek(fd, 0, SEEK_SET) == 0 &&
			read(fd, buf, 8) == 8 && memcmp(buf, "12345678", 8) == 0,
		"orphan: is written and read as any");
	check(make_file("/o", 3, 2) == 0 && holds("/o", 3, 2) && read(fd, buf, 8) == 0,
		"orphan: another of that name is another file");
	unlink("/o");
	close(fd);
	mkdir("/od");
	chdir("/od");
	check(unlink("/od") == -EBUSY || unlink("/od") == -ENOENT || open("x", O_CREATE) < 0,
		"orphan: nothing is made in a directory that is gone");
	chdir("/");
	unlink("/od");
}

/* The inode number of a path, or 0. */
static u32
ino(const char *path)
{
	struct stat st = {0};
	int fd = open(path, O_RDONLY);

	fstat(fd, &st);
	close(fd);
	return st.ino;
}

void
test_dots(void)
{
	mkdir("/dd");
	mkdir("/dd/e");
	check(ino("/") == ino("/..") && ino("/") == ino("/dd/..") &&
			ino("/dd") == ino("/dd/e/..") && ino("/dd") == ino("/dd/./."),
		"dots: lead where they should");
	check(mkdir("/dd/.") < 0 && mkdir("/dd/..") < 0 && mkdir(".") < 0 && mkdir("") < 0,
		"dots: are not made");
	check(open("/dd/.", O_WRONLY | O_CREATE) < 0 && link("/bin/sh", "/dd/..") < 0,
		"dots: no file has that name");
	check(unlink("/dd/.") == -EINVAL && unlink("/dd/e/..") == -EINVAL && unlink("..") < 0,
		"dots: stay");
	check(ino("//dd///e//") == ino("/dd/e"), "dots: slashes may be many");
	check(unlink("/dd/e") == 0 && unlink("/dd") == 0, "dots: do not hold a directory");
}

void
test_longname(void)
{
	char path[80], other[80];

	memset(path, 'n', sizeof(path));
	path[0] = '/';
	path[1 + NAME_MAX] = '\0';
	check(make_file(path, 9, 1) == 0 && holds(path, 9, 1),
		"longname: of all characters it may have");
	strlcpy(other, path, sizeof(other));
	other[NAME_MAX] = 'x';
	check(open(other, O_RDONLY) == -ENOENT, "longname: the last one counts");
	check(unlink(path) == 0, "longname: and it goes");
	path[1 + NAME_MAX] = 'n';
	path[2 + NAME_MAX] = '\0';
	check(open(path, O_WRONLY | O_CREATE) == -ENAMETOOLONG && mkdir(path) == -ENAMETOOLONG &&
			link("/bin/sh", path) == -ENAMETOOLONG && unlink(path) == -ENAMETOOLONG,
		"longname: one more is an error");
}

void
test_paths(void)
{
	static char path[400];

	memset(path, 'a', sizeof(path) - 1);
	check(open(path, O_RDONLY) == -ENAMETOOLONG, "paths: too long is an error");
	for (int i = 0; i < MAX_PATH - 1; i++)
		path[i] = i % 2 ? '.' : '/';
	path[MAX_PATH - 2] = '\0';
	check(open(path, O_RDONLY) >= 0, "paths: as long as they may be");
	check(open("/bin/sh/x", O_RDONLY) == -ENOTDIR && chdir("/bin/sh") == -ENOTDIR,
		"paths: through a file is an error");
	check(open("/none/x", O_WRONLY | O_CREATE) == -ENOENT,
		"paths: through nothing is an error");
	check(chdir("/bin") == 0 && open("sh", O_RDONLY) >= 0 && open("../bin/./sh", O_RDONLY) >= 0,
		"paths: from the current directory");
}

/* The entries of a directory; -1 if one has no name. */
static int
entries(const char *path)
{
	struct dirent e;
	int fd = open(path, O_RDONLY), n = 0;

	while (fd >= 0 && read(fd, &e, sizeof(e)) == sizeof(e)) {
		if (e.ino && !e.name[0])
			n = -1000;
		n += e.ino != 0;
	}
	close(fd);
	return fd < 0 || n < 0 ? -1 : n;
}

void
test_readdir(void)
{
	char buf[100];
	int fd = open("/bin", O_RDONLY), devices = entries("/dev");

	check(entries("/bin") > 20 && devices > 3 && entries("/proc") > 3,
		"readdir: what is there");
	check(read(fd, buf, 10) == 10 && read(fd, buf, 0) == 0, "readdir: any part of it");
	close(fd);
	check(open("/bin", O_WRONLY) == -EISDIR && open("/bin", O_RDWR) == -EISDIR,
		"readdir: a directory is not written");
	check(open("/dev/none", O_RDONLY) == -ENOENT && fd >= 0 &&
			open("/proc/x", O_WRONLY | O_CREATE) < 0,
		"readdir: nothing is made among devices");
}

/* Gives one file many names in a directory, and takes them away; how often something failed. */
static int
many_names(const char *directory, int n)
{
	char name[40];
	int bad = 0;

	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "%s/name%d", directory, i);
		bad += link("/dg/file", name) != 0;
	}
	bad += entries(directory) != n + 2;
	for (int i = n - 1; i >= 0; i--) {
		snprintf(name, sizeof(name), "%s/name%d", directory, i);
		bad += unlink(name) != 0;
	}
	return bad + (entries(directory) != 2);
}

void
test_dirgrow(void)
{
	struct stat first, second;
	int fd;

	mkdir("/dg");
	mkdir("/dg/d");
	make_file("/dg/file", 1, 1);
	fd = open("/dg/d", O_RDONLY);
	check(many_names("/dg/d", 150) == 0, "dirgrow: 150 names come and go");
	fstat(fd, &first);
	check(many_names("/dg/d", 150) == 0 && fstat(fd, &second) == 0 && second.size == first.size,
		"dirgrow: and again, in the same room");
	close(fd);
	fd = open("/dg/file", O_RDONLY);
	fstat(fd, &first);
	close(fd);
	check(first.nlink == 1, "dirgrow: the count of names is right");
	check(unlink("/dg/d") == 0 && unlink("/dg/file") == 0 && unlink("/dg") == 0,
		"dirgrow: an empty directory goes, however large it was");
}

static int shared_fd, shared_result[2];

static int
read_shared(int i)
{
	int n, count = 0;
	char buf[100];

	while ((n = read(shared_fd, buf, sizeof(buf))) > 0)
		count += n;
	return write(shared_result[1], &count, sizeof(count)) != sizeof(count);
}

void
test_shared(void)
{
	int total = 0, count;
	struct stat st;

	shared_fd = open("/bin/sh", O_RDONLY);
	fstat(shared_fd, &st);
	pipe(shared_result);
	all_good(3, read_shared);
	for (int i = 0; i < 3; i++) {
		read(shared_result[0], &count, sizeof(count));
		total += count;
	}
	check(total == (int)st.size,
		"shared: processes that share an open file read each byte once");
}

/* Makes, reads and removes files of its own in a directory that others use as well. */
static int
work_in_w(int i)
{
	char name[16];
	int bad = 0;

	for (int k = 0; k < 15; k++) {
		snprintf(name, sizeof(name), "/w/%d-%d", i, k % 5);
		bad += make_file(name, 5000 * (i % 4) + 700 * k, k) != 0;
		bad += !holds(name, 5000 * (i % 4) + 700 * k, k);
		bad += k % 2 && unlink(name) != 0;
	}
	for (int k = 0; k < 5; k++) {
		snprintf(name, sizeof(name), "/w/%d-%d", i, k);
		unlink(name);
	}
	return bad;
}

void
test_together(void)
{
	mkdir("/w");
	check(all_good(4, work_in_w) == 4 && unlink("/w") == 0,
		"together: four processes in one directory");
}

void
test_crowd(void)
{
	mkdir("/w");
	check(all_good(16, work_in_w) == 16 && unlink("/w") == 0,
		"crowd: sixteen processes in one directory");
}

/* All make and remove the same name: each call succeeds, or fails because another was first. */
static int
create_unlink(int i)
{
	int fd, bad = 0, error;

	for (int k = 0; k < 30; k++) {
		if (i % 2) {
			fd = open("/cu/f", O_WRONLY | O_CREATE);
			bad += fd < 0;
			close(fd);
		} else {
			error = mkdir("/cu/d");
			bad += error && error != -EEXIST;
			error = unlink("/cu/d");
			bad += error && error != -ENOENT;
		}
		error = unlink("/cu/f");
		bad += error && error != -ENOENT;
	}
	return bad;
}

void
test_createunlink(void)
{
	mkdir("/cu");
	check(all_good(4, create_unlink) == 4, "createunlink: four processes, the same names");
	unlink("/cu/f");
	unlink("/cu/d");
	check(entries("/cu") == 2 && unlink("/cu") == 0, "createunlink: nothing is left");
}

static int
link_unlink(int i)
{
	int bad = 0, error;

	for (int k = 0; k < 40; k++) {
		error = link("/lu/a", "/lu/b");
		bad += error && error != -EEXIST;
		error = unlink("/lu/b");
		bad += error && error != -ENOENT;
	}
	return bad;
}

void
test_linkunlink(void)
{
	struct stat st;
	int fd;

	mkdir("/lu");
	make_file("/lu/a", 1, 1);
	check(all_good(3, link_unlink) == 3, "linkunlink: three processes, the same name");
	fd = open("/lu/a", O_RDONLY);
	check(fstat(fd, &st) == 0 && st.nlink == 1, "linkunlink: the count of names is right");
	close(fd);
	check(unlink("/lu/a") == 0 && unlink("/lu") == 0, "linkunlink: nothing is left");
}

/* One writes through a name that the other takes away. */
static int
open_unlink(int i)
{
	int bad = 0, fd, error;

	for (int k = 0; k < 30; k++) {
		fd = open("/ou", O_RDWR | O_CREATE | (k % 3 ? 0 : O_TRUNC));
		bad += fd < 0 || write(fd, "text", 4) != 4;
		close(fd);
		error = i ? unlink("/ou") : 0;
		bad += error && error != -ENOENT;
	}
	return bad;
}

void
test_openunlink(void)
{
	check(all_good(3, open_unlink) == 3, "openunlink: a file written while its name goes");
	unlink("/ou");
}

void
test_bigfile(void)
{
	check(make_file("/big", 9 << 20, 3) == 0 && holds("/big", 9 << 20, 3),
		"bigfile: 9 MiB, through three blocks of the double indirect one");
	check(unlink("/big") == 0, "bigfile: gone");
}
