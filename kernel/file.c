#include "kernel/file.h"
#include "kernel/devfs.h"
#include "kernel/fs.h"
#include "kernel/kalloc.h"

static bool
is_device_path(const char *path)
{
	size_t n = strncmp(path, "/dev", 4) == 0 ? 4 : strncmp(path, "/proc", 5) == 0 ? 5 : 0;

	return n && (path[n] == '/' || !path[n]);
}

static int
open_device(const char *path, struct file *f)
{
	int err = 0;

	if (!(f->dev = dev_get(path)))
		return -ENOENT;
	f->kind = FILE_DEV;
	if (f->dev->ops->open && (err = f->dev->ops->open(f->dev->dev, &f->state)))
		dev_put(f->dev);
	return err;
}

static int
open_inode(const char *path, int flags, struct file *f)
{
	struct stat st;
	int err = flags & O_CREATE ? fs_create(path, T_FILE, &f->inode)
				   : fs_lookup(path, &f->inode);

	if (err)
		return err;
	if ((err = inode_stat(f->inode, &st)))
		;
	else if (f->writable && st.type == T_DIR)
		err = -EISDIR;
	else if (f->writable && flags & O_TRUNC)
		err = inode_truncate(f->inode);
	if (err)
		inode_put(f->inode);
	return err;
}

int
file_open(const char *path, int flags, struct file **out)
{
	struct file *f;
	int err;

	if (flags & ~(O_WRONLY | O_RDWR | O_CREATE | O_TRUNC) || (flags & 3) == 3)
		return -EINVAL;
	if (!(f = kmalloc(sizeof(*f))))
		return -ENOMEM;
	f->refs = 1;
	mutex_init(&f->lock, "file");
	f->readable = (flags & 3) != O_WRONLY;
	f->writable = (flags & 3) != O_RDONLY;
	err = is_device_path(path) ? open_device(path, f) : open_inode(path, flags, f);
	if (err) {
		kfree(f);
		return err;
	}
	*out = f;
	return 0;
}

struct file *
file_ref(struct file *f)
{
	__atomic_add_fetch(&f->refs, 1, __ATOMIC_RELAXED);
	return f;
}

void
file_close(struct file *f)
{
	if (__atomic_sub_fetch(&f->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	switch (f->kind) {
	case FILE_INODE:
		inode_put(f->inode);
		break;
	case FILE_PIPE:
		pipe_close(f->pipe, f->writable);
		break;
	case FILE_DEV:
		if (f->dev->ops->close)
			f->dev->ops->close(f->dev->dev, f->state);
		dev_put(f->dev);
		break;
	}
	kfree(f);
}

/* A device may sleep for long, so a file that is one is not locked. */
static s64
rw_at(struct file *f, bool write, u64 user_buf, size_t n, u64 pos)
{
	if (f->kind == FILE_INODE)
		return write ? inode_write_all(f->inode, (const void *)user_buf, pos, n, true)
			     : inode_read(f->inode, (void *)user_buf, pos, n, true);
	const struct devops *ops = f->dev->ops;
	s64 (*fn)(void *, void *, u64, size_t, u64) = write ? ops->write : ops->read;
	return fn ? fn(f->dev->dev, f->state, user_buf, n, pos) : -EINVAL;
}

/* At the file's own position. */
static NOINLINE s64
rw_next(struct file *f, bool write, u64 user_buf, size_t n)
{
	s64 done;

	if (f->kind == FILE_INODE)
		mutex_lock(&f->lock);
	done = rw_at(f, write, user_buf, n, f->pos);
	if (done > 0)
		f->pos += done;
	if (f->kind == FILE_INODE)
		mutex_unlock(&f->lock);
	return done;
}

s64
file_rw(struct file *f, bool write, u64 user_buf, size_t n, const u64 *pos)
{
	if (!(write ? f->writable : f->readable))
		return -EBADF;
	if (f->kind == FILE_PIPE && pos)
		return -ESPIPE;
	if (!n && !write)
		return 0;
	if (f->kind == FILE_PIPE)
		return write ? pipe_write(f->pipe, user_buf, n) : pipe_read(f->pipe, user_buf, n);
	if (!pos)
		return rw_next(f, write, user_buf, n);
	return *pos >> 63 ? -EINVAL : rw_at(f, write, user_buf, n, *pos);
}

void
file_stat(struct file *f, struct stat *st)
{
	*st = (struct stat){.type = T_DEV, .nlink = 1};
	if (f->kind == FILE_INODE)
		inode_stat(f->inode, st);
	else if (f->kind == FILE_DEV && dev_is_dir(f->dev))
		st->type = T_DIR;
	else if (f->kind == FILE_DEV && f->dev->ops->size)
		st->size = f->dev->ops->size(f->dev->dev);
}

s64
file_seek(struct file *f, s64 offset, int whence)
{
	struct stat st;
	s64 base;

	if (f->kind == FILE_PIPE)
		return -ESPIPE;
	file_stat(f, &st);
	if (whence < SEEK_SET || whence > SEEK_END)
		return -EINVAL;
	base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? (s64)f->pos : (s64)st.size;
	if (__builtin_add_overflow(base, offset, &base) || base < 0)
		return -EINVAL;
	return f->pos = base;
}
