#include "kernel/file.h"
#include "kernel/kalloc.h"

#define PIPE_SIZE 4096

struct pipe {
	struct spinlock lock;
	u64 read, written;   /* bytes ever */
	bool reader, writer; /* ends still open */
	char buf[PIPE_SIZE - 64];
};

int
pipe_create(struct file *f[2])
{
	struct pipe *p = kmalloc(sizeof(*p));

	f[0] = kmalloc(sizeof(struct file));
	f[1] = kmalloc(sizeof(struct file));
	if (!p || !f[0] || !f[1]) {
		kfree(p), kfree(f[0]), kfree(f[1]);
		return -ENOMEM;
	}
	spin_init(&p->lock, "pipe");
	p->reader = p->writer = true;
	*f[0] = (struct file){.kind = FILE_PIPE, .refs = 1, .readable = true, .pipe = p};
	*f[1] = (struct file){.kind = FILE_PIPE, .refs = 1, .writable = true, .pipe = p};
	return 0;
}

void
pipe_close(struct pipe *p, bool writer)
{
	bool last;

	spin_lock(&p->lock);
	*(writer ? &p->writer : &p->reader) = false;
	last = !p->reader && !p->writer;
	spin_unlock(&p->lock);
	wakeup(p);
	if (last)
		kfree(p);
}

s64
pipe_read(struct pipe *p, u64 user_buf, size_t n)
{
	char chunk[256];
	size_t k = 0;

	spin_lock(&p->lock);
	while (p->read == p->written && p->writer && !current()->killed)
		proc_sleep(p, &p->lock);
	while (k < MIN(n, sizeof(chunk)) && p->read != p->written)
		chunk[k++] = p->buf[p->read++ % sizeof(p->buf)];
	spin_unlock(&p->lock);
	wakeup(p);
	return copy_out(user_buf, chunk, k) ? -EFAULT : (s64)k;
}

s64
pipe_write(struct pipe *p, u64 user_buf, size_t n)
{
	char chunk[256];
	size_t done = 0;

	while (done < n) {
		size_t k = MIN(n - done, sizeof(chunk)), i = 0;

		if (copy_in(chunk, user_buf + done, k))
			return -EFAULT;
		spin_lock(&p->lock);
		while (i < k && p->reader && !current()->killed) {
			if (p->written - p->read == sizeof(p->buf)) {
				wakeup(p);
				proc_sleep(p, &p->lock);
			} else {
				p->buf[p->written++ % sizeof(p->buf)] = chunk[i++];
			}
		}
		bool broken = !p->reader;
		spin_unlock(&p->lock);
		wakeup(p);
		if (broken || i < k)
			return broken ? -EPIPE : -EINTR;
		done += k;
	}
	return done;
}
