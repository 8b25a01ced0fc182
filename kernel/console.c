#include "kernel/console.h"
#include "kernel/abi.h"
#include "kernel/devfs.h"
#include "kernel/mem.h"
#include "kernel/proc.h"
#include "kernel/spinlock.h"
#include "hal/timer.h"

static struct spinlock lock = SPINLOCK_INIT("console");
static void (*output[4])(char);
static bool panicking;
int console_loglevel = LOG_INFO;

static char log_ring[64 << 10];
static u64 log_end; /* bytes ever logged */

static struct {
	char buf[256];
	unsigned read, line, write; /* counts of characters: read, complete lines, typed */
	bool eof;
} in;

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
console_panic(void)
{
	panicking = true;
}

void
klog(int level, const char *fmt, ...)
{
	static char line[320];
	struct text t = {line, sizeof(line), 0, 0};
	u64 us = timer_ns() / 1000;
	va_list ap;

	if (!panicking)
		spin_lock(&lock);
	text_printf(&t, "[%4lu.%06lu] ", us / 1000000, us % 1000000);
	va_start(ap, fmt);
	text_vprintf(&t, fmt, ap);
	va_end(ap);
	if (t.len + 1 < t.size)
		t.buf[t.len++] = '\n';
	for (size_t i = 0; i < t.len; i++) {
		log_ring[log_end++ % sizeof(log_ring)] = line[i];
		if (level <= console_loglevel)
			put(line[i]);
	}
	if (!panicking)
		spin_unlock(&lock);
}

void
console_input(char c)
{
	spin_lock(&lock);
	if (c == '\r')
		c = '\n';
	if (c == '\b' || c == 0x7f) {
		if (in.write != in.line) {
			in.write--;
			put('\b'), put(' '), put('\b');
		}
	} else if (c == 4) { /* Ctrl-D */
		in.eof |= in.write == in.line;
		in.line = in.write;
		wakeup(&in);
	} else if (in.write - in.read < sizeof(in.buf)) {
		in.buf[in.write++ % sizeof(in.buf)] = c;
		put(c);
		if (c == '\n' || in.write - in.read == sizeof(in.buf)) {
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

void
console_init(void)
{
	dev_add("/dev/console", &ops, NULL);
}
