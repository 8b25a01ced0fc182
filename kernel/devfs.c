#include "kernel/devfs.h"
#include "kernel/kalloc.h"

static struct list files = LIST_INIT(files);
static struct spinlock lock = SPINLOCK_INIT("devices");

static struct devfile *
find(const char *path)
{
	return list_find(struct devfile, link, &files, f, strcmp(f->path, path) == 0);
}

int
dev_add(const char *path, const struct devops *ops, void *dev)
{
	struct devfile *f = kmalloc(sizeof(*f));
	bool taken;

	if (!f)
		return -ENOMEM;
	strlcpy(f->path, path, sizeof(f->path));
	f->ops = ops;
	f->dev = dev;
	spin_lock(&lock);
	if (!(taken = find(path)))
		list_add_tail(&files, &f->link);
	spin_unlock(&lock);
	if (taken)
		kfree(f);
	return taken ? -EEXIST : 0;
}

int
dev_remove(const char *path)
{
	struct devfile *f;
	int err;

	spin_lock(&lock);
	f = find(path);
	err = !f ? -ENOENT : f->users ? -EBUSY : 0;
	if (!err)
		list_remove(&f->link);
	spin_unlock(&lock);
	if (!err)
		kfree(f);
	return err;
}

struct devfile *
dev_get(const char *path)
{
	struct devfile *f;

	spin_lock(&lock);
	if ((f = find(path)))
		f->users++;
	spin_unlock(&lock);
	return f;
}

void
dev_put(struct devfile *f)
{
	spin_lock(&lock);
	f->users--;
	spin_unlock(&lock);
}

int
dev_unit(const char *prefix)
{
	char path[24];
	int n = -1;

	spin_lock(&lock);
	do
		snprintf(path, sizeof(path), "%s%d", prefix, ++n);
	while (find(path));
	spin_unlock(&lock);
	return n;
}

int
text_open(size_t size, void **state)
{
	struct text *t = kmalloc(sizeof(*t) + size);

	if (!t)
		return -ENOMEM;
	*t = (struct text){.buf = (char *)(t + 1), .size = size};
	*state = t;
	return 0;
}

void
text_close(void *dev, void *state)
{
	kfree(state);
}

s64
text_read(const struct text *t, u64 user_buf, size_t n, u64 *pos)
{
	u64 at = MIN(*pos, t->len);

	n = MIN(n, t->len - at);
	if (copy_out(user_buf, t->buf + at, n))
		return -EFAULT;
	*pos = at + n;
	return n;
}

#define PROC_TEXT_MAX (65536 - sizeof(struct text))

/* The text is made once, at open, so that a reader sees one moment. */
static int
proc_open(void *dev, void **state)
{
	const struct procfile *p = dev;
	int err = text_open(PROC_TEXT_MAX, state);

	if (!err)
		p->show(*state);
	return err;
}

static s64
proc_read(void *dev, void *state, u64 user_buf, size_t n, u64 pos)
{
	return text_read(state, user_buf, n, &pos);
}

static const struct devops proc_ops = {.open = proc_open, .close = text_close, .read = proc_read};

static s64
null_read(void *dev, void *state, u64 user_buf, size_t n, u64 pos)
{
	return 0;
}

static s64
null_write(void *dev, void *state, u64 user_buf, size_t n, u64 pos)
{
	return n;
}

/*
 * /dev/mem: all RAM of the machine (of the VM, in a guest), to read only. Demonstrations and
 * tests use it to see that a page did not change; it has no write on purpose.
 */
static s64
mem_read(void *dev, void *state, u64 user_buf, size_t n, u64 pos)
{
	size_t done = 0;

	while (done < n) {
		size_t k = MIN(n - done, PAGE_SIZE - ((pos + done) & PAGE_MASK));
		if (!mem_is_ram(pos + done))
			break;
		if (copy_out(user_buf + done, phys_to_virt(pos + done), k))
			return -EFAULT;
		done += k;
	}
	return done;
}

/* /dev and /proc as directories: an entry for each file whose path begins with `dev`. */
static s64
dir_read(void *dev, void *state, u64 user_buf, size_t n, u64 pos)
{
	const char *prefix = dev;
	size_t len = strlen(prefix), done = 0;
	s64 skip = pos / sizeof(struct dirent);
	struct dirent de = {0};
	u32 ino = 0;

	spin_lock(&lock);
	list_for_each (it, &files) {
		const char *path = list_entry(it, struct devfile, link)->path;

		ino++;
		if (strncmp(path, prefix, len) != 0 || path[len] != '/' || skip-- > 0)
			continue;
		de.ino = ino;
		strlcpy(de.name, path + len + 1, sizeof(de.name));
		done = sizeof(de);
		break;
	}
	spin_unlock(&lock);
	if (done > n || (done && copy_out(user_buf, &de, done)))
		return done > n ? -EINVAL : -EFAULT;
	return done;
}

static const struct devops dir_ops = {.read = dir_read};

bool
dev_is_dir(const struct devfile *f)
{
	return f->ops == &dir_ops;
}

static const struct devops null_ops = {.read = null_read, .write = null_write};
static const struct devops mem_ops = {.read = mem_read};

void
dev_init(void)
{
	char path[24];

	dev_add("/dev", &dir_ops, (void *)"/dev");
	dev_add("/proc", &dir_ops, (void *)"/proc");
	dev_add("/dev/null", &null_ops, NULL);
	dev_add("/dev/mem", &mem_ops, NULL);
	section_for_each (struct procfile, p, devfile) {
		snprintf(path, sizeof(path), "/proc/%s", p->name);
		dev_add(path, &proc_ops, (void *)p);
	}
}
