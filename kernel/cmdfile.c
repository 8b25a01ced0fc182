/* Device files that take commands: see devfs.h. */
#include "kernel/devfs.h"

static int
cmd_open(void *dev, void **state)
{
	return text_open(1000, state);
}

static s64
cmd_write(void *dev, void *state, u64 user_buf, size_t n, u64 pos)
{
	struct cmdfile *c = dev;
	struct text *t = state;
	char line[128], *word[CMD_WORDS];
	int err;

	if (n >= sizeof(line))
		return -E2BIG;
	if (copy_in(line, user_buf, n))
		return -EFAULT;
	line[n] = 0;
	mutex_lock(&c->lock);
	t->len = t->taken = 0;
	err = c->run(c->dev, cut_words(line, " \n", false, word, CMD_WORDS), word, t);
	mutex_unlock(&c->lock);
	return err ? err : (s64)n;
}

/* The answer, once. */
static s64
cmd_read(void *dev, void *state, u64 user_buf, size_t n, u64 pos)
{
	struct cmdfile *c = dev;
	struct text *t = state;
	s64 got;

	mutex_lock(&c->lock);
	got = text_read(t, user_buf, n, &t->taken);
	mutex_unlock(&c->lock);
	return got;
}

static const struct devops ops = {
	.open = cmd_open, .close = text_close, .read = cmd_read, .write = cmd_write};

int
cmdfile_add(struct cmdfile *c, const char *path,
	int (*run)(void *dev, unsigned n, char *word[], struct text *t), void *dev)
{
	mutex_init(&c->lock, "cmdfile");
	c->run = run;
	c->dev = dev;
	return dev_add(path, &ops, c);
}
