#include "kernel/console.h"
#include "kernel/devfs.h"
#include "kernel/kalloc.h"
#include "hal/timer.h"

static struct spinlock lock = SPINLOCK_INIT("console");
static void (*output[4])(char);
int console_loglevel = LOG_INFO;

static char log_ring[64 << 10];
static u64 log_end; /* bytes ever logged */

static struct {
	char buf[256];
	unsigned read, line, write; /* counts of characters: read, complete lines, typed */
	bool eof;
} in;
static void *raw;      /* the open /dev/consctl that asked for characters as they come */
static int foreground; /* the job that Ctrl-C ends */
static bool status_wanted;

static void
put_to(void (*out)(char), char c)
{
	if (c == '\n')
		out('\r');
	out(c);
}

/* To every output. Lock held. */
static void
put(char c)
{
	for (unsigned i = 0; i < NELEM(output) && output[i]; i++)
		put_to(output[i], c);
}

/* A new output first shows what it has missed. */
void
console_add_output(void (*out)(char))
{
	spin_lock(&lock);
	for (unsigned i = 0; i < NELEM(output); i++) {
		if (output[i])
			continue;
		for (u64 at = 0; at < MIN(log_end, sizeof(log_ring)); at++)
			put_to(out, log_ring[at]);
		output[i] = out;
		break;
	}
	spin_unlock(&lock);
}

void
klog(int level, const char *fmt, ...)
{
	static char line[320];
	struct text t = TEXT_ON(line);
	u64 us = timer_ns() / 1000;

	if (!panic_begun())
		spin_lock(&lock);
	text_printf(&t, "[%4lu.%06lu] ", us / 1000000, us % 1000000);
	text_args(&t, fmt);
	if (t.len + 1 < t.size)
		t.buf[t.len++] = '\n';
	for (size_t i = 0; i < t.len; i++) {
		log_ring[log_end++ % sizeof(log_ring)] = line[i];
		if (level <= console_loglevel)
			put(line[i]);
	}
	if (!panic_begun())
		spin_unlock(&lock);
}

#define CTRL(letter) ((letter)&0x1f)
/*
 * What some characters do while lines are edited here: until it ends, a line can be taken back.
 * False: c is none of them. Lock held.
 */
static bool
edit(char c)
{
	if (c == '\b' || c == 0x7f) {
		if (in.write != in.line) {
			in.write--;
			put('\b'), put(' '), put('\b');
		}
	} else if (c == CTRL('C')) {
		in.write = in.line;
		put('^'), put('C'), put('\n');
		proc_kill_job(foreground);
	} else if (c == CTRL('D')) {
		in.eof |= in.write == in.line;
		in.line = in.write;
		wakeup(&in);
	} else {
		return false;
	}
	return true;
}

void
console_input(char c)
{
	spin_lock(&lock);
	if (c == '\r')
		c = '\n';
	if (c == CTRL('P')) {
		status_wanted = true;
		wakeup(&status_wanted);
	} else if ((raw || !edit(c)) && in.write - in.read < sizeof(in.buf)) {
		in.buf[in.write++ % sizeof(in.buf)] = c;
		if (!raw)
			put(c);
		if (raw || c == '\n' || in.write - in.read == sizeof(in.buf)) {
			in.line = in.write;
			wakeup(&in);
		}
	}
	spin_unlock(&lock);
}

/* One line, or less if it is longer than n. */
static s64
console_read(void *dev, void *state, u64 user_buf, size_t n, u64 pos)
{
	char line[sizeof(in.buf)];
	size_t done = 0;

	spin_lock(&lock);
	while (in.read == in.line && !in.eof && !current()->killed)
		proc_sleep(&in, &lock);
	if (in.read == in.line)
		in.eof = false; /* else it comes after the lines that were typed before it */
	while (done < n && in.read != in.line) {
		char c = in.buf[in.read++ % sizeof(in.buf)];
		line[done++] = c;
		if (c == '\n')
			break;
	}
	spin_unlock(&lock);
	return copy_out(user_buf, line, done) ? -EFAULT : (s64)done;
}

void
console_write(const char *s, size_t n)
{
	spin_lock(&lock);
	while (n--)
		put(*s++);
	spin_unlock(&lock);
}

static s64
write_console(void *dev, void *state, u64 user_buf, size_t n, u64 pos)
{
	char chunk[256];

	for (size_t done = 0; done < n;) {
		size_t k = MIN(n - done, sizeof(chunk));
		if (copy_in(chunk, user_buf + done, k))
			return -EFAULT;
		console_write(chunk, k);
		done += k;
	}
	return n;
}

static const struct devops ops = {.read = console_read, .write = write_console};

/* The file's own state is only an address that no other open file has. */
static int
consctl_open(void *dev, void **state)
{
	return (*state = kmalloc(1)) ? 0 : -ENOMEM;
}

/* Raw mode ends with the file, so with the program that asked for it, however that ends. */
static void
consctl_close(void *dev, void *state)
{
	spin_lock(&lock);
	if (raw == state)
		raw = NULL;
	spin_unlock(&lock);
	kfree(state);
}

/*
 * "raw", "cooked": whether input comes by characters or by lines. "job": what the
 * caller forks from now on is a new job, in the foreground; "nojob": it and they are of none.
 */
static s64
consctl_write(void *dev, void *state, u64 user_buf, size_t n, u64 pos)
{
	char word[16] = "";
	s64 result = n;

	if (n >= sizeof(word))
		return -EINVAL;
	if (copy_in(word, user_buf, n))
		return -EFAULT;
	spin_lock(&lock);
	if (strcmp(word, "raw") == 0) {
		raw = state;
		in.line = in.write; /* also what was typed before */
		in.eof = false;
		wakeup(&in);
	} else if (strcmp(word, "cooked") == 0) {
		raw = NULL;
	} else if (strcmp(word, "job") == 0) {
		foreground = proc_new_job();
	} else if (strcmp(word, "nojob") == 0) {
		current()->job = current()->child_job = 0;
	} else {
		result = -EINVAL;
	}
	spin_unlock(&lock);
	return result;
}

static const struct devops consctl_ops = {
	.open = consctl_open, .close = consctl_close, .write = consctl_write};

static void
show_dmesg(struct text *t)
{
	spin_lock(&lock);
	u64 at = log_end > sizeof(log_ring) ? log_end - sizeof(log_ring) : 0;
	for (; at < log_end; at++)
		text_printf(t, "%c", log_ring[at % sizeof(log_ring)]);
	spin_unlock(&lock);
}
PROC_FILE("dmesg", show_dmesg);

/* Ctrl-P is typed in an interrupt, but to look at VMs takes a lock that may sleep. */
static void
status_thread(void *unused)
{
	static char buf[16384];
	struct text t = TEXT_ON(buf);

	for (;;) {
		spin_lock(&lock);
		while (!status_wanted)
			proc_sleep(&status_wanted, &lock);
		status_wanted = false;
		spin_unlock(&lock);
		t.len = 0;
		text_printf(&t, "\n");
		section_for_each (struct procfile, p, devfile)
			if (p->on_console)
				p->show(&t);
		console_write(t.buf, t.len);
	}
}

void
console_init(void)
{
	dev_add("/dev/console", &ops, NULL);
	dev_add("/dev/consctl", &consctl_ops, NULL);
	kthread_start("ctrl-p", status_thread, NULL);
}
