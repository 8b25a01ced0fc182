/* Directories and paths. */
#include "kernel/log.h"

/*
 * Looks for a name (n bytes): its inode number and where its entry is. With n = 0 it looks for a
 * free entry, and finds one at the end at the latest. Directory locked.
 */
static int
find(struct inode *dir, const char *name, size_t n, u32 *ino, u64 *at)
{
	struct dirent de[16];
	s64 got;

	if (dir->d.type != T_DIR)
		return -ENOTDIR;
	if (n > NAME_MAX)
		return -ENAMETOOLONG;
	*at = 0;
	while ((got = inode_read_locked(dir, de, *at, sizeof(de))) > 0) {
		for (size_t i = 0; i < got / sizeof(de[0]); i++, *at += sizeof(de[0])) {
			bool match = n ? de[i].ino && de[i].name[n] == 0 &&
						     memcmp(de[i].name, name, n) == 0
				       : !de[i].ino;
			if (match) {
				*ino = de[i].ino;
				return 0;
			}
		}
	}
	return got < 0 ? (int)got : n ? -ENOENT : 0;
}

/* Enters a name. Directory locked, within an operation; the name is not there. */
static int
enter(struct inode *dir, const char *name, size_t n, u32 ino)
{
	struct dirent de = {0};
	u64 at;
	u32 none;
	s64 put = find(dir, NULL, 0, &none, &at);

	if (put)
		return put;
	de.ino = ino;
	memcpy(de.name, name, n);
	put = inode_write_locked(dir, &de, at, sizeof(de));
	return put == sizeof(de) ? 0 : put < 0 ? (int)put : -ENOSPC;
}

static int
erase(struct inode *dir, u64 at)
{
	static const struct dirent none;
	s64 put = inode_write_locked(dir, &none, at, sizeof(none));

	return put < 0 ? (int)put : 0;
}

/* Whether a directory holds nothing but "." and "..". Locked. */
static bool
is_empty(struct inode *dir)
{
	struct dirent de;

	for (u64 at = 0; inode_read_locked(dir, &de, at, sizeof(de)) == sizeof(de);
		at += sizeof(de))
		if (de.ino && strcmp(de.name, ".") != 0 && strcmp(de.name, "..") != 0)
			return false;
	return true;
}

/* The next name of a path, and what follows it; NULL at the end. */
static const char *
next_name(const char *path, size_t *n, const char **rest)
{
	while (*path == '/')
		path++;
	*rest = path;
	while (**rest && **rest != '/')
		(*rest)++;
	*n = *rest - path;
	return *n ? path : NULL;
}

/*
 * Follows a path. If `last` is not NULL it stops one name early: the inode is then the directory,
 * and *last, *n the name in it.
 */
static int
walk(const char *path, struct inode **out, const char **last, size_t *n)
{
	struct inode *ip = inode_ref(*path == '/' ? fs_root() : current()->cwd);
	const char *name, *rest, *after;
	size_t len, ignored;
	u64 at;

	while ((name = next_name(path, &len, &rest))) {
		u32 ino = 0;
		int err;

		if (last && !next_name(rest, &ignored, &after)) {
			*last = name;
			*n = len;
			*out = ip;
			return 0;
		}
		if (!(err = inode_lock(ip))) {
			err = find(ip, name, len, &ino, &at);
			inode_unlock(ip);
		}
		inode_put(ip);
		if (err)
			return err;
		if (!(ip = inode_get(ino)))
			return -EIO;
		path = rest;
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

/* A new file or directory under a name that is free. Directory locked, within an operation. */
static int
create_in(struct inode *dir, const char *name, size_t n, u16 type, struct inode **out)
{
	struct inode *ip;
	int err;

	if (dir->d.nlink == 0) /* removed meanwhile: a process still stands in it */
		return -ENOENT;
	if ((err = inode_alloc(type, &ip)))
		return err;
	if ((err = inode_lock(ip))) {
		inode_put(ip);
		return err;
	}
	if (type == T_DIR && !(err = enter(ip, ".", 1, ip->ino)))
		err = enter(ip, "..", 2, dir->ino);
	if (!err)
		err = enter(dir, name, n, ip->ino);
	if (!err) {
		ip->d.nlink = type == T_DIR ? 2 : 1;
		err = inode_update(ip);
	}
	if (!err && type == T_DIR) {
		dir->d.nlink++; /* ".." */
		err = inode_update(dir);
	}
	inode_unlock(ip);
	if (err)
		inode_put(ip); /* nlink is still 0, so this frees it */
	else
		*out = ip;
	return err;
}

int
fs_create(const char *path, u16 type, struct inode **ip)
{
	const char *name;
	struct inode *dir;
	size_t n;
	u64 at;
	u32 ino;
	int err;

	log_begin();
	if (!(err = walk(path, &dir, &name, &n))) {
		if (!(err = inode_lock(dir))) {
			err = find(dir, name, n, &ino, &at);
			if (!err && type == T_FILE) /* open() with O_CREATE takes what is there */
				err = (*ip = inode_get(ino)) ? 0 : -EMFILE;
			else
				err = !err             ? -EEXIST
				      : err == -ENOENT ? create_in(dir, name, n, type, ip)
						       : err;
			inode_unlock(dir);
		}
		inode_put(dir);
	}
	log_end();
	return err;
}

/* Takes the entry at `at`, which names ip, out of dir. Both locked, within an operation. */
static int
unlink_in(struct inode *dir, struct inode *ip, u64 at)
{
	int err;

	if (ip->d.type == T_DIR && !is_empty(ip))
		return -EBUSY;
	if ((err = erase(dir, at)))
		return err;
	if (ip->d.type == T_DIR) {
		dir->d.nlink--;
		ip->d.nlink -= 2;
		err = inode_update(dir);
	} else {
		ip->d.nlink--;
	}
	return err ? err : inode_update(ip);
}

int
fs_unlink(const char *path)
{
	struct inode *dir, *ip = NULL;
	const char *name;
	size_t n;
	u64 at;
	u32 ino;
	int err;

	log_begin();
	if ((err = walk(path, &dir, &name, &n)))
		goto out;
	if ((n == 1 && name[0] == '.') || (n == 2 && name[0] == '.' && name[1] == '.'))
		err = -EINVAL;
	else if (!(err = inode_lock(dir))) {
		if (!(err = find(dir, name, n, &ino, &at)) && !(ip = inode_get(ino)))
			err = -EMFILE;
		if (ip && !(err = inode_lock(ip))) {
			err = unlink_in(dir, ip, at);
			inode_unlock(ip);
		}
		inode_unlock(dir);
	}
	if (ip)
		inode_put(ip);
	inode_put(dir);
out:
	log_end();
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

	log_begin();
	if ((err = fs_lookup(old, &ip)))
		goto out;
	/* Counted first: the name must not be there for an inode that could go. */
	if (!(err = inode_lock(ip))) {
		if (ip->d.type == T_DIR) /* a second name would make a cycle possible */
			err = -EISDIR;
		else if (ip->d.nlink == 0xffff)
			err = -EMFILE;
		else
			ip->d.nlink++, err = inode_update(ip);
		inode_unlock(ip);
	}
	if (!err) {
		if (!(err = walk(path, &dir, &name, &n))) {
			if (!(err = inode_lock(dir))) {
				err = find(dir, name, n, &ino, &at);
				err = !err                ? -EEXIST
				      : err != -ENOENT    ? err
				      : dir->d.nlink == 0 ? -ENOENT
							  : enter(dir, name, n, ip->ino);
				inode_unlock(dir);
			}
			inode_put(dir);
		}
		if (err && inode_lock(ip) == 0) {
			ip->d.nlink--;
			inode_update(ip);
			inode_unlock(ip);
		}
	}
	inode_put(ip);
out:
	log_end();
	return err;
}
