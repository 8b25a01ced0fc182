/* Directories and paths. */
#include "kernel/fs.h"

/* Whether it is an entry in use, and not that of the directory itself or of the one above. */
static bool
names_another(const struct dirent *de)
{
	return de->ino && memcmp(de->name, ".", 2) != 0 && memcmp(de->name, "..", 3) != 0;
}

/*
 * Looks for a name (n bytes): its inode number and where its entry is. With n = 0 it looks for any
 * entry that names_another(); or, if name is NULL, for a free one, and finds that at the end at the
 * latest. Directory locked.
 */
static int
find(struct inode *dir, const char *name, size_t n, u32 *ino, u64 *at)
{
	struct buf *b;
	int err;

	if (dir->d.type != T_DIR)
		return -ENOTDIR;
	if (n > NAME_MAX)
		return -ENAMETOOLONG;
	if (dir->d.nlink == 0) /* removed; what its ".." names may be gone as well */
		return -ENOENT;
	for (*at = 0; *at < dir->d.size;) {
		if ((err = inode_block(dir, *at / BLOCK_SIZE, &b)))
			return err;
		if (!b)
			return fs_damaged("inode %u is a directory with a hole", dir->ino);
		struct dirent *de = (struct dirent *)b->data;
		struct dirent *end = de + MIN(dir->d.size - *at, BLOCK_SIZE) / sizeof(*de);
		while (de < end && !(n ? de->ino && de->name[0] == name[0] && !de->name[n] &&
							   memcmp(de->name, name, n) == 0
					   : name ? names_another(de)
						  : !de->ino))
			de++;
		*at += (u8 *)de - b->data;
		*ino = de < end ? de->ino : 0;
		bio_release(b);
		if (de < end)
			return 0;
	}
	return name ? -ENOENT : 0;
}

/*
 * Looks for a name: the inode, referenced, and where the entry is. Directory locked: the entry
 * cannot go before we have the reference, so what it names is in use.
 */
static int
lookup(struct inode *dir, const char *name, size_t n, struct inode **ip, u64 *at)
{
	u32 ino;
	int err = find(dir, name, n, &ino, at);

	if (err)
		return err;
	if (ino >= fs_super.ninodes)
		return fs_damaged(
			"inode %u has an entry for inode %u, out of range", dir->ino, ino);
	return (*ip = inode_get(ino)) ? 0 : -EMFILE;
}

/* Enters a name. Directory locked, within an operation; the name is not there. */
static int
enter(struct inode *dir, const char *name, size_t n, u32 ino)
{
	struct dirent de = {.ino = ino};
	u64 at;
	u32 none;
	s64 put = find(dir, NULL, 0, &none, &at);

	if (put)
		return put;
	memcpy(de.name, name, n);
	put = inode_write(dir, &de, at, sizeof(de), false);
	return put < 0 ? put : 0;
}

/*
 * Follows a path, outside any operation. If `last` is not NULL it stops one name early: the inode
 * is then the directory, and *last, *n the name in it.
 */
static int
walk(const char *path, struct inode **out, const char **last, size_t *n)
{
	struct inode *ip = inode_ref(*path == '/' ? fs_root : current()->cwd), *next;
	const char *rest;
	size_t len;
	u64 at;
	int err;

	while (*path == '/')
		path++;
	for (; *path; path = rest) {
		for (rest = path; *rest && *rest != '/';)
			rest++;
		len = rest - path;
		while (*rest == '/')
			rest++;
		if (last && !*rest) {
			*last = path;
			*n = len;
			*out = ip;
			return 0;
		}
		if (!(err = inode_lock(ip))) {
			err = lookup(ip, path, len, &next, &at);
			inode_unlock(ip);
		}
		inode_put(ip);
		if (err)
			return err;
		ip = next;
	}
	if (last) { /* the root, or an empty path, has no directory */
		inode_put(ip);
		return -EINVAL;
	}
	*out = ip;
	return 0;
}

int
fs_lookup(const char *path, struct inode **ip)
{
	return walk(path, ip, NULL, NULL);
}

/*
 * Makes a file or directory under a name that is free. Directory locked, within an operation.
 * *out is set after an error too if there is an inode to be put: its nlink is 0, so that frees it.
 */
static int
create_in(struct inode *dir, const char *name, size_t n, u16 type, struct inode **out)
{
	struct inode *ip;
	int err;

	if (type == T_DIR && dir->d.nlink == 0xffff)
		return -EMFILE;
	if ((err = inode_alloc(type, out)) || (err = inode_lock(ip = *out)))
		return err;
	if (type == T_DIR) {
		ip->d.nlink = 1; /* so that names can be entered */
		if (!(err = enter(ip, ".", 1, ip->ino)))
			err = enter(ip, "..", 2, dir->ino);
	}
	if (!err)
		err = enter(dir, name, n, ip->ino);
	ip->d.nlink = err ? 0 : type == T_DIR ? 2 : 1;
	if (!err)
		err = inode_update(ip);
	if (!err && type == T_DIR) {
		dir->d.nlink++; /* ".." */
		err = inode_update(dir);
	}
	inode_unlock(ip);
	return err;
}

int
fs_create(const char *path, u16 type, struct inode **ip)
{
	const char *name;
	struct inode *dir;
	size_t n;
	u64 at;
	int err;

	*ip = NULL;
	if ((err = walk(path, &dir, &name, &n)))
		return err;
	if (!(err = log_begin())) {
		if (!(err = inode_lock(dir))) {
			err = lookup(dir, name, n, ip, &at);
			if (err == -ENOENT && dir->d.nlink)
				err = create_in(dir, name, n, type, ip);
			else if (!err && type != T_FILE) /* open() with O_CREATE takes it */
				err = -EEXIST;
			inode_unlock(dir);
		}
		log_end();
	}
	inode_put(dir);
	if (err && *ip)
		inode_put(*ip);
	return err;
}

/* Takes the entry at `at`, which names ip, out of dir. Both locked, within an operation. */
static int
unlink_in(struct inode *dir, struct inode *ip, u64 at)
{
	static const struct dirent none;
	bool is_dir = ip->d.type == T_DIR;
	u32 ino;
	u64 entry;
	s64 put;
	int err;

	if (is_dir && (err = find(ip, "", 0, &ino, &entry)) != -ENOENT)
		return err ? err : -EBUSY;
	if (ip->d.nlink < 1 + is_dir || dir->d.nlink < 2 + is_dir)
		return fs_damaged(
			"inode %u or %u has more names than it counts", ip->ino, dir->ino);
	if ((put = inode_write(dir, &none, at, sizeof(none), false)) < 0)
		return put;
	if (is_dir) {
		dir->d.nlink--;
		if ((err = inode_update(dir)))
			return err;
	}
	ip->d.nlink -= 1 + is_dir;
	return inode_update(ip);
}

/* Takes a name out of a directory, within an operation; *ip is what it named, to be put. */
static int
unlink_name(struct inode *dir, const char *name, size_t n, struct inode **ip)
{
	u64 at;
	int err = inode_lock(dir);

	if (err)
		return err;
	if (!(err = lookup(dir, name, n, ip, &at))) {
		if (*ip == dir || (*ip)->ino == ROOT_INO)
			err = fs_damaged("inode %u has an entry for a directory above", dir->ino);
		else if (!(err = inode_lock(*ip))) {
			err = unlink_in(dir, *ip, at);
			inode_unlock(*ip);
		}
	}
	inode_unlock(dir);
	return err;
}

int
fs_unlink(const char *path)
{
	struct inode *dir, *ip = NULL;
	const char *name;
	size_t n;
	int err;

	if ((err = walk(path, &dir, &name, &n)))
		return err;
	if (name[0] == '.' && (n == 1 || (n == 2 && name[1] == '.')))
		err = -EINVAL;
	else if (!(err = log_begin())) {
		err = unlink_name(dir, name, n, &ip);
		log_end();
	}
	if (ip)
		inode_put(ip);
	inode_put(dir);
	return err;
}

/* Counts a name more, or less, of a file. Within an operation. */
static int
add_link(struct inode *ip, int n)
{
	int err = inode_lock(ip);

	if (err)
		return err;
	if (ip->d.type == T_DIR) /* a second name would make a cycle possible */
		err = -EISDIR;
	else if (ip->d.nlink == 0) /* the last name has just gone */
		err = -ENOENT;
	else if (n > 0 && ip->d.nlink == 0xffff)
		err = -EMFILE;
	else {
		ip->d.nlink += n;
		err = inode_update(ip);
	}
	inode_unlock(ip);
	return err;
}

int
fs_link(const char *old, const char *path)
{
	struct inode *dir, *ip;
	const char *name;
	size_t n;
	u64 at;
	u32 ino;
	int err;

	if ((err = fs_lookup(old, &ip)))
		return err;
	if ((err = walk(path, &dir, &name, &n)))
		goto out;
	if (!(err = log_begin())) {
		/* Counted first: the name must not be there for an inode that could go. */
		if (!(err = add_link(ip, 1))) {
			if (!(err = inode_lock(dir))) {
				err = find(dir, name, n, &ino, &at);
				err = !err             ? -EEXIST
				      : err != -ENOENT ? err
						       : enter(dir, name, n, ip->ino);
				inode_unlock(dir);
			}
			if (err)
				add_link(ip, -1);
		}
		log_end();
	}
	inode_put(dir);
out:
	inode_put(ip);
	return err;
}
