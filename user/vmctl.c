/*
 * vmctl: makes, runs and inspects virtual machines. It writes one request to /dev/vmm, words
 * separated by newlines, and reads the reply; tables are made here, all else by the kernel's
 * monitor.
 */
#include "user/user.h"

/* X(command, fewest, most arguments, usage). The last two count all that follows the command. */
#define COMMANDS(X)                                                                               \
	X("create", 1, 15,                                                                        \
		"create NAME [-m MiB] [-c CPUS] [-k KERNEL] [-r ROOTFS] [-b FILE]\n"              \
		"                    [-a \"KERNEL COMMAND LINE\"] [-s \"SCRIPT TO RUN\"]")        \
	X("assign", 2, 9,                                                                         \
		"assign NAME BDF [-p permit|deny] [-q PAGES] [-r CALLS A SECOND] [--unsafe]\n"    \
		"                   (--unsafe: even if nothing confines the device)")             \
	X("release", 2, 2, "release NAME BDF")                                                    \
	X("start", 1, 2, "start NAME [-c]    (-c: and goes to its console)")                      \
	X("console", 1, 1, "console NAME       (what is typed goes there; Ctrl-] leaves)")        \
	X("wait", 1, 2, "wait NAME [TEXT]   (its exit status; TEXT: until its console shows it)") \
	X("send", 2, 2, "send NAME TEXT     (types TEXT and Return on its console)")              \
	X("stop", 1, 1, "stop NAME          (asks it to turn itself off, and waits for that)")    \
	X("kill", 1, 1, "kill NAME")                                                              \
	X("destroy", 1, 1, "destroy NAME")                                                        \
	X("status", 0, 1, "status [NAME]")                                                        \
	X("stats", 1, 1, "stats NAME")                                                            \
	X("maps", 1, 2, "maps NAME [GPA]")                                                        \
	X("move", 1, 4, "move NAME [GPA|all] [--every MS]   (0: no more)")                        \
	X("permit", 2, 2, "permit NAME BDF")                                                      \
	X("deny", 2, 2, "deny NAME BDF")

const char usage_text[] = "vmctl COMMAND ..."
#define X(name, fewest, most, text) "\n  vmctl " text
	COMMANDS(X)
#undef X
	;

static const struct command {
	const char *name;
	int fewest, most;
} commands[] = {
#define X(name, fewest, most, text) {name, fewest, most},
	COMMANDS(X)
#undef X
};

static char request[MAX_ARG_BYTES + 512];
static size_t length;

/* Adds a word, made of key and value, to the request. */
static void
add(const char *key, const char *value)
{
	if (strchr(value, '\n'))
		die("an argument cannot hold a newline");
	length += snprintf(request + length, sizeof(request) - length, "%s%s%s", length ? "\n" : "",
		key, value);
	if (length >= sizeof(request))
		die("the arguments are too long");
}

/* Adds a device's address, "bb:dd.f" in hexadecimal, as the number that it is. */
static void
add_device(const char *word)
{
	static const u32 most[] = {255, 31, 7};
	static const char end[] = {':', '.', '\0'};
	const char *p = word;
	char number[16];
	u32 v[3] = {0};

	for (int i = 0; i < 3; i++, p++) {
		int digits = 0;

		for (; *p && *p != end[i]; p++, digits++) {
			u32 d = *p >= '0' && *p <= '9' ? *p - '0' : (*p | 32) - 'a' + 10;

			v[i] = d > 15 ? 256 : v[i] << 4 | d;
		}
		if (*p != end[i] || !digits || digits > 2 || v[i] > most[i])
			die("not a device address (like 00:04.0): %s", word);
	}
	snprintf(number, sizeof(number), "%u", v[0] << 8 | v[1] << 3 | v[2]);
	add(number, "");
}

/* Adds what create's options say, or else the defaults; returns the operands that are left. */
static char **
add_create(char **args)
{
	const char *mem = "64", *cpus = "1", *kernel = "/boot/halcyon.elf";
	const char *root = "/boot/guest.img", *append = "", *script = NULL;
	static char line[MAX_ARG_BYTES + 16];
	char *value;
	int option;

	while ((option = next_option(&args, "m:c:k:r:b:a:s:", &value))) {
		switch (option) {
		case 'm':
			mem = value;
			break;
		case 'c':
			cpus = value;
			break;
		case 'k':
			kernel = value;
			break;
		case 'r':
			root = value;
			break;
		case 'b':
			add("disk=", value);
			break;
		case 'a':
			append = value;
			break;
		case 's':
			script = value;
			break;
		}
	}
	if (script) {
		if (strchr(script, '"'))
			die("the script cannot hold a double quote; use single ones");
		snprintf(line, sizeof(line), "%s%sscript=\"%s\"", append, *append ? " " : "",
			script);
		append = line;
	}
	add("mem=", mem);
	add("cpus=", cpus);
	add("kernel=", kernel);
	add("root=", root);
	add("append=", append);
	return args;
}

/* Adds what assign's options say; returns the operands that are left. */
static char **
add_assign(char **args)
{
	char *value;
	int option;

	for (;;) {
		if (*args && strcmp(*args, "--unsafe") == 0)
			add("unsafe=", *args++);
		else if ((option = next_option(&args, "p:q:r:", &value)))
			add(option == 'p' ? "policy=" : option == 'q' ? "quota=" : "rate=", value);
		else
			return args;
	}
}

/* Adds what move is about, and how often; returns the operands that are left. */
static char **
add_move(char **args)
{
	add(*args && **args != '-' ? *args++ : "all", "");
	if (*args && strcmp(*args, "--every") == 0 && args[1]) {
		size_t n = strlen(args[1]);

		if (n > 2 && strcmp(args[1] + n - 2, "ms") == 0)
			args[1][n - 2] = '\0';
		add("every=", args[1]);
		args += 2;
	}
	return args;
}

/* Keys go to the VM at fd as they are typed; Ctrl-], or the end of the input, leaves. */
static void
type_to(int fd)
{
	enum { LEAVE = ']' & 0x1f };
	int ctl = open("/dev/consctl", O_WRONLY);
	char c;

	if (ctl >= 0)
		write(ctl, "raw", 3);
	while (read(0, &c, 1) == 1 && c != LEAVE)
		write(fd, c == '\n' ? "\r" : &c, 1);
	write(fd, "", 0);
}

/* At the console of the VM at fd, until it ends or the user leaves. */
static void
console(int fd)
{
	char buf[256];
	int pid = fork(), ignored;
	ssize_t n;

	if (pid < 0)
		die("fork: %s", strerror(pid));
	if (pid == 0) {
		type_to(fd);
		exit(0);
	}
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		write_full(1, buf, n);
	kill(pid);
	wait(&ignored);
	printf("\n");
}

/* Sends the request; returns the open file, from which the reply comes, or says why not and exits.
 */
static int
ask(void)
{
	int fd = open("/dev/vmm", O_RDWR);
	size_t n = 0;
	ssize_t done;
	char *reply;

	if (fd < 0)
		die("/dev/vmm: %s", strerror(fd));
	if ((done = write(fd, request, length)) >= 0)
		return fd;
	reply = read_all(fd, &n);
	if (!reply || !n)
		die("%s", strerror(done));
	if (reply[n - 1] == '\n')
		reply[n - 1] = '\0';
	die("%s", reply);
}

/* Prints the line of /proc/vms that is about the VM, or all. */
static void
print_status(const char *name)
{
	static struct reader r;
	bool any = !name;
	char *line;

	if ((r.fd = open_input("/proc/vms")) < 0)
		exit(1);
	while ((line = read_line(&r))) {
		size_t n = name ? strlen(name) : 0;

		if (name && (strncmp(line, name, n) != 0 || line[n] != ' '))
			continue;
		printf("%s\n", line);
		any = true;
	}
	if (!any)
		die("%s: no such VM", name);
}

#define COLUMNS 8
struct row {
	char *column[COLUMNS]; /* the first says what it is a row of */
};
static struct row *rows;
static size_t nrows;

/* Cuts a reply into rows at newlines, and these into columns at tabs. */
static void
split_reply(char *reply)
{
	char *p = reply, *next;

	for (char *c = reply; *c; c++)
		nrows += *c == '\n';
	rows = alloc((nrows + 1) * sizeof(*rows));
	memset(rows, 0, (nrows + 1) * sizeof(*rows));
	for (size_t i = 0; i < nrows; i++, p = next) {
		next = strchr(p, '\n') + 1;
		next[-1] = '\0';
		for (int k = 0; p && k < COLUMNS; k++) {
			rows[i].column[k] = p;
			if ((p = strchr(p, '\t')))
				*p++ = '\0';
		}
	}
}

/* Prints the rows that are `of` this, all columns but the first as `widths` says (negative: left).
 */
static void
print_rows(const char *of, const int widths[COLUMNS])
{
	for (size_t i = 0; i < nrows; i++) {
		char line[128];
		struct text t = TEXT_ON(line);

		if (strcmp(rows[i].column[0], of) != 0)
			continue;
		for (int k = 1; k < COLUMNS && rows[i].column[k]; k++) {
			int pad = (widths[k] < 0 ? -widths[k] : widths[k]) -
				  (int)strlen(rows[i].column[k]);

			if (k > 1)
				text_printf(&t, " ");
			if (widths[k] < 0)
				text_printf(&t, "%s", rows[i].column[k]);
			for (; pad > 0; pad--)
				text_printf(&t, " ");
			if (widths[k] >= 0)
				text_printf(&t, "%s", rows[i].column[k]);
		}
		printf("%s\n", line);
	}
}

static u64
number_in(const struct row *r, int column)
{
	u64 n = 0;

	parse_number(r->column[column], &n);
	return n;
}

/* Exits by reason: how many, and their share of all exits and of all time; ticks of the TSC. */
static void
print_exits(void)
{
	u64 all = 0, time = 0;

	for (size_t i = 0; i < nrows; i++)
		if (strcmp(rows[i].column[0], "exit") == 0) {
			all += number_in(&rows[i], 2);
			time += number_in(&rows[i], 3);
		}
	printf("%-14s %10s %7s %7s %10s %10s\n", "EXIT", "COUNT", "SHARE", "TIME", "MEAN", "MAX");
	for (size_t i = 0; i < nrows; i++) {
		u64 count, ticks;

		if (strcmp(rows[i].column[0], "exit") != 0)
			continue;
		count = number_in(&rows[i], 2);
		ticks = number_in(&rows[i], 3);
		printf("%-14s %10lu %3lu.%02lu%% %3lu.%02lu%% %10lu %10s\n", rows[i].column[1],
			count, count * 100 / all, count * 10000 / all % 100, ticks * 100 / time,
			ticks * 10000 / time % 100, ticks / count, rows[i].column[4]);
	}
	printf("%-14s %10lu %26lu\n", "all", all, all ? time / all : 0);
}

/* The tables of `stats` and `maps`. */
static void
print_tables(bool stats)
{
	static const int call[COLUMNS] = {0, -14, 10}, page[COLUMNS] = {0, -8, 12, 12, 12, 2, 6},
			 device[COLUMNS] = {0, -10, 6, 10, 10, 10, 8, 8};

	if (!stats) {
		printf("%-8s %12s %12s %12s %2s %6s\n", "DEVICE", "IOVA", "GPA", "HPA", "RW",
			"PINS");
		print_rows("page", page);
		return;
	}
	print_exits();
	printf("%-14s %10s\n", "HYPERCALL", "COUNT");
	print_rows("call", call);
	printf("%-10s %6s %10s %10s %10s %8s %8s\n", "DEVICE", "DOMAIN", "MAPS", "UNMAPS", "SYNCS",
		"FAULTS", "PINNED");
	print_rows("device", device);
}

/* Whether the command's second word is a device. */
static bool
about_device(const struct command *c)
{
	static const char *const names[] = {"assign", "release", "permit", "deny"};

	for (size_t i = 0; i < NELEM(names); i++)
		if (strcmp(c->name, names[i]) == 0)
			return true;
	return false;
}

/* Returns the command that name is, or NULL. */
static const struct command *
find_command(const char *name)
{
	for (size_t i = 0; name && i < NELEM(commands); i++)
		if (strcmp(name, commands[i].name) == 0)
			return &commands[i];
	return NULL;
}

int
main(int argc, char **argv)
{
	const struct command *command = find_command(argv[1]);
	char **args = argv + 2, *reply;
	int count = argc - 2, fd;
	bool then_console = false;
	size_t n;
	u64 status;

	if (argc > 1 && strcmp(argv[argc - 1], "-h") == 0)
		usage(0);
	if (!command || count < command->fewest || count > command->most)
		usage(2);
	if (strcmp(command->name, "status") == 0) {
		print_status(*args);
		return 0;
	}

	/* The operands that must be there come first, options and what is optional after them. */
	add(command->name, "");
	for (int i = 0; i < command->fewest; i++, args++) {
		if (**args == '-')
			usage(2);
		if (i == 1 && about_device(command))
			add_device(*args);
		else
			add(*args, "");
	}
	if (strcmp(command->name, "create") == 0)
		args = add_create(args);
	else if (strcmp(command->name, "assign") == 0)
		args = add_assign(args);
	else if (strcmp(command->name, "move") == 0)
		args = add_move(args);
	else if (strcmp(command->name, "start") == 0)
		args += then_console = *args && strcmp(*args, "-c") == 0;
	else
		for (; *args; args++)
			add(*args, "");
	if (*args)
		usage(2);

	/* At the console first, so that nothing is missed. */
	if (then_console) {
		length = 0;
		add("console", "");
		add(argv[2], "");
		fd = ask();
		length = 0;
		add("start", "");
		add(argv[2], "");
		ask();
		console(fd);
		return 0;
	}
	fd = ask();
	if (strcmp(command->name, "console") == 0) {
		console(fd);
		return 0;
	}
	if (!(reply = read_all(fd, &n)))
		die("/dev/vmm: cannot read the reply");
	if (strcmp(command->name, "wait") == 0)
		return parse_number(reply, &status) ? (int)status : 0;
	if (strcmp(command->name, "stats") == 0 ||
		(strcmp(command->name, "maps") == 0 && count == 1)) {
		split_reply(reply);
		print_tables(command->name[0] == 's');
	} else {
		write_full(1, reply, n);
	}
	return 0;
}
