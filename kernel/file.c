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
	inode_stat(f->inode, &st);
	if (f->writable && st.type == T_DIR)
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

/* Reads an inode through a page of the kernel's. */
static s64
read_inode(struct file *f, u64 user_buf, size_t n)
{
	void *page = page_alloc(FRAME_KERNEL);
	size_t done = 0;
	s64 k = 0;

	if (!page)
		return -ENOMEM;
	while (done < n) {
		k = inode_read(f->inode, page, f->pos + done, MIN(n - done, PAGE_SIZE));
		if (k <= 0)
			break;
		if (copy_out(user_buf + done, page, k)) {
			k = -EFAULT;
			break;
		}
		done += k;
	}
	page_free(page, FRAME_KERNEL);
	return done ? (s64)done : k;
}

#define WRITE_BYTES 32768 /* copied and written at once: as much as one transaction takes */

/* Writes an inode through a buffer of the kernel's. File locked. */
static s64
write_inode(struct file *f, u64 user_buf, size_t n)
{
	void *buf = kmalloc(MIN(n, WRITE_BYTES));
	size_t done = 0;
	s64 k = 0;

	if (!buf)
		return -ENOMEM;
	while (done < n) {
		k = MIN(n - done, WRITE_BYTES);
		if (copy_in(buf, user_buf + done, k))
			k = -EFAULT;
		else
			k = inode_write(f->inode, buf, f->pos + done, k);
		if (k <= 0)
			break;
		done += k;
	}
	kfree(buf);
	return done ? (s64)done : k;
}

s64
file_read(struct file *f, u64 user_buf, size_t n)
{
	s64 got;

	if (!f->readable)
		return -EBADF;
	if (!n)
		return 0;
	if (f->kind == FILE_PIPE)
		return pipe_read(f->pipe, user_buf, n);
	if (f->kind == FILE_DEV && !f->dev->ops->read)
		return -EINVAL;
	if (f->kind == FILE_DEV) { /* it may sleep for long, so there is no lock */
		got = f->dev->ops->read(f->dev->dev, f->state, user_buf, n, f->pos);
		if (got > 0)
			f->pos += got;
		return got;
	}
	mutex_lock(&f->lock);
	got = read_inode(f, user_buf, n);
	if (got > 0)
		f->pos += got;
	mutex_unlock(&f->lock);
	return got;
}

s64
file_write(struct file *f, u64 user_buf, size_t n)
{
	s64 put;

	if (!f->writable)
		return -EBADF;
	if (f->kind == FILE_PIPE)
		return pipe_write(f->pipe, user_buf, n);
	if (f->kind == FILE_INODE) {
		mutex_lock(&f->lock);
		put = write_inode(f, user_buf, n);
		if (put > 0)
			f->pos += put;
		mutex_unlock(&f->lock);
		return put;
	}
	if (!f->dev->ops->write)
		return -EINVAL;
	put = f->dev->ops->write(f->dev->dev, f->state, user_buf, n, f->pos);
	if (put > 0)
		f->pos += put;
	return put;
}

int
file_stat(struct file *f, struct stat *st)
{
	*st = (struct stat){.type = T_DEV, .nlink = 1};
	if (f->kind == FILE_INODE)
		inode_stat(f->inode, st);
	else if (f->kind == FILE_DEV && dev_is_dir(f->dev))
		st->type = T_DIR;
	else if (f->kind == FILE_DEV && f->dev->ops->size)
		st->size = f->dev->ops->size(f->dev->dev);
	return 0;
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
