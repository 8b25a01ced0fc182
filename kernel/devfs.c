#include "kernel/devfs.h"
#include "kernel/abi.h"
#include "kernel/kalloc.h"
#include "kernel/mem.h"
#include "kernel/spinlock.h"

struct node {
	struct list link;
	int users; /* open files */
	struct devfile f;
};

static struct list nodes = LIST_INIT(nodes);
static struct spinlock lock = SPINLOCK_INIT("devices");

static struct node *
find(const char *path)
{
	list_for_each (it, &nodes) {
		struct node *n = list_entry(it, struct node, link);
		if (strcmp(n->f.path, path) == 0)
			return n;
	}
	return NULL;
}

int
dev_add(const char *path, const struct devops *ops, void *dev)
{
	struct node *n = kmalloc(sizeof(*n));
	int err = 0;

	if (!n)
		return -ENOMEM;
	strlcpy(n->f.path, path, sizeof(n->f.path));
	n->f.ops = ops;
	n->f.dev = dev;
	spin_lock(&lock);
	if (find(path))
		err = -EEXIST;
	else
		list_add_tail(&nodes, &n->link);
	spin_unlock(&lock);
	if (err)
		kfree(n);
	return err;
}

int
dev_remove(const char *path)
{
	struct node *n;
	int err = 0;

	spin_lock(&lock);
	n = find(path);
	if (!n)
		err = -ENOENT;
	else if (n->users)
		err = -EBUSY;
	else
		list_remove(&n->link);
	spin_unlock(&lock);
	if (!err)
		kfree(n);
	return err;
}

struct devfile *
dev_get(const char *path)
{
	struct node *n;

	spin_lock(&lock);
	if ((n = find(path)))
		n->users++;
	spin_unlock(&lock);
	return n ? &n->f : NULL;
}

void
dev_put(struct devfile *f)
{
	spin_lock(&lock);
	container_of(f, struct node, f)->users--;
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

#define PROC_TEXT_MAX 65536

/* The text is made once, at open, so that a reader sees one moment. */
static int
proc_open(void *dev, void **state)
{
	const struct procfile *p = dev;
	struct text *t = kmalloc(sizeof(*t));

	if (t && (t->buf = kmalloc(PROC_TEXT_MAX))) {
		t->size = PROC_TEXT_MAX;
		p->show(t);
		*state = t;
		return 0;
	}
	kfree(t);
	return -ENOMEM;
}

static void
proc_close(void *dev, void *state)
{
	struct text *t = state;

	kfree(t->buf);
	kfree(t);
}

static s64
proc_read(void *dev, void *state, u64 user_buf, size_t n, u64 pos)
{
	struct text *t = state;

	if (pos >= t->len)
		return 0;
	n = MIN(n, t->len - pos);
	return copy_out(user_buf, t->buf + pos, n) ? -EFAULT : (s64)n;
}

static const struct devops proc_ops = {.open = proc_open, .close = proc_close, .read = proc_read};

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
	size_t skip = pos / sizeof(struct dirent), len = strlen(prefix), done = 0;
	struct dirent de = {0};
	u32 ino = 0;

	spin_lock(&lock);
	list_for_each (it, &nodes) {
		struct node *node = list_entry(it, struct node, link);

		ino++;
		if (strncmp(node->f.path, prefix, len) != 0 || node->f.path[len] != '/')
			continue;
		if (skip) {
			skip--;
			continue;
		}
		de.ino = ino;
		strlcpy(de.name, node->f.path + len + 1, sizeof(de.name));
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
