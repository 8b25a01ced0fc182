/*
 * sh: the shell.
 *
 *	list:     and-or { (';' | '&' | newline) and-or }
 *	and-or:   pipeline { ('&&' | '||') pipeline }
 *	pipeline: ['!'] command { '|' command }
 *	command:  { word | '<' word | '>' word | '2>' word | '2>&1' }
 *
 * There is no syntax tree: each parsing function takes a flag that says whether to run what it
 * parses. The whole text is parsed once without running, so that a syntax error anywhere means
 * that nothing runs, and then again. The flag also skips what && and || say to skip.
 */
#include "user/edit.h"
#include "user/user.h"

const char usage_text[] = "sh [-c COMMANDS | FILE]";

enum { MAX_PIPELINE = 16 };

enum token { ERR_TO_OUT, ERR, AND, OR, SEMICOLON, BACKGROUND, PIPE, IN, OUT, NEWLINE, WORD, END };

/* The text of each operator, in the order of enum token, the longer of two alike first. */
static const char *const operators[] = {"2>&1", "2>", "&&", "||", ";", "&", "|", "<", ">", "\n"};

static struct lexer {
	const char *text, *at, *end;
	enum token token;
	const char *word; /* where the token begins; it ends at 'at' */
} lex;

/* The one command being built: whatever would need a second one runs in a child. */
static struct command {
	char *argv[MAX_ARGS + 1];
	int argc;
	char *file[3];   /* redirections of descriptors 0, 1, 2 */
	bool err_to_out; /* after those */
	bool failed;     /* what was wrong has been said */
	bool in_word;    /* the last word can still grow */
	size_t used;
	char bytes[MAX_ARG_BYTES];
} cmd;

static int status;         /* $? */
static int background_pid; /* $! */
static bool syntax_error;
static bool trace;       /* set -x */
static bool exec_here;   /* this process has nothing to do after the next command */
static bool interactive; /* at the console: what is waited for is a job, and Ctrl-C ends it */
static bool in_job;      /* children that are forked now are of the job in the foreground */
static int commands;     /* parsed so far */

static void run_text(const char *text, const char *end);

/* Reports a syntax error, once, and moves to the end so that every parsing function returns. */
static void
bad_syntax(const char *message, const char *detail, int length)
{
	int line = 1;

	for (const char *p = lex.text; p < lex.word; p++)
		line += *p == '\n';
	if (!syntax_error)
		warn("line %d: %s%.*s", line, message, length, detail);
	syntax_error = true;
	lex.at = lex.end;
	lex.token = END;
}

/*
 * Returns where the text from p on closes: at an unquoted close, or if close is 0 at a character
 * that cannot be in a word. Returns NULL if it, or something quoted in it, does not close.
 */
static const char *
span(const char *p, const char *end, char close)
{
	for (; p < end; p++) {
		if (close ? *p == close : strchr(" \t\n;&|<>()", *p) != NULL)
			return p;
		if (*p == '\\' && p + 1 < end)
			p++;
		else if (*p == '$' && p + 1 < end && p[1] == '(')
			p = span(p + 2, end, ')');
		else if (*p == '(' && close == ')')
			p = span(p + 1, end, ')');
		else if (*p == '"')
			p = span(p + 1, end, '"');
		else if (*p == '\'' && close != '"')
			while (++p < end && *p != '\'')
				;
		if (!p || p == end)
			return NULL;
	}
	return close ? NULL : end;
}

/* Moves to the next token. */
static void
advance(void)
{
	const char *p = lex.at, *end = lex.end;

	while (p < end && (*p == ' ' || *p == '\t' || (end - p > 1 && strncmp(p, "\\\n", 2) == 0)))
		p += *p == '\\' ? 2 : 1;
	if (p < end && *p == '#')
		while (p < end && *p != '\n')
			p++;
	lex.word = lex.at = p;
	lex.token = END;
	if (p == end)
		return;
	for (size_t i = 0; i < NELEM(operators); i++) {
		size_t n = strlen(operators[i]);

		if ((size_t)(end - p) >= n && strncmp(p, operators[i], n) == 0) {
			lex.token = i;
			lex.at += n;
			return;
		}
	}
	lex.token = WORD;
	lex.at = span(p, end, 0);
	if (!lex.at)
		bad_syntax("a quote or $( does not end", "", 0);
	else if (lex.at == p)
		bad_syntax("unexpected ", p, 1);
}

/* Skips newlines where a command may begin on a later line. */
static void
skip_newlines(void)
{
	while (lex.token == NEWLINE)
		advance();
}

/* Reports the token that should not be here. */
static void
unexpected(void)
{
	if (lex.token == END)
		bad_syntax("unexpected end", "", 0);
	else if (lex.token == NEWLINE)
		bad_syntax("unexpected end of line", "", 0);
	else
		bad_syntax("unexpected ", lex.word, lex.at - lex.word);
}

/* Notes that the command cannot run, and says why. */
static void
fail(const char *message)
{
	if (!cmd.failed)
		warn("%s", message);
	cmd.failed = true;
}

/* Begins a word, unless one has begun. */
static void
open_word(void)
{
	if (cmd.in_word || cmd.failed)
		return;
	if (cmd.argc == MAX_ARGS) {
		fail("too many words");
		return;
	}
	cmd.argv[cmd.argc++] = cmd.bytes + cmd.used;
	cmd.in_word = true;
}

/* Adds a character to the word. */
static void
put(char c)
{
	open_word();
	if (cmd.used == sizeof(cmd.bytes))
		fail("the words are too long");
	if (!cmd.failed)
		cmd.bytes[cmd.used++] = c;
}

/* Ends the word, if one has begun. */
static void
end_word(void)
{
	if (cmd.in_word)
		put('\0');
	cmd.in_word = false;
}

/* Makes descriptor 'to' mean what 'from' does; all below 'to' are open, so dup() returns 'to'. */
static void
move_fd(int from, int to)
{
	close(to);
	dup(from);
	close(from);
}

/* A word to the console about jobs. */
static void
tell_console(const char *what)
{
	int ctl = open("/dev/consctl", O_WRONLY);

	if (ctl >= 0)
		fprintf(ctl, "%s", what);
	close(ctl);
}

/* At the console: children from now on are a job in the foreground. False if they are already. */
static bool
begin_job(void)
{
	if (!interactive || in_job)
		return false;
	tell_console("job");
	return in_job = true;
}

/* All children of the job that begin_job() began have been forked. */
static void
end_job(bool begun)
{
	if (begun) {
		tell_console("nojob");
		in_job = false;
	}
}

/* Forks a child, which is not at the console, but in its parent's hands. */
static int
fork_child(void)
{
	int pid = fork();

	interactive &= pid != 0;
	return pid;
}

/* Waits for all of the children given; returns the last one's exit status. */
static int
wait_for(const int *pids, int n)
{
	int left = n, result = 1, pid, s;

	while (left > 0 && (pid = wait(&s)) >= 0)
		for (int i = 0; i < n; i++)
			if (pids[i] == pid) {
				left--;
				if (i == n - 1)
					result = s;
			}
	return result;
}

/* Adds what commands print to the word, or unless quoted to several words, split at blanks. */
static void
substitute(const char *text, const char *end, bool quoted)
{
	int fd[2], pid, error = pipe(fd);
	bool begun = begin_job();
	char *output;
	size_t n;

	if (error < 0 || (pid = fork_child()) < 0) {
		end_job(begun);
		fail("cannot run $( ): no process or pipe left");
		return;
	}
	if (pid == 0) {
		close(fd[0]);
		move_fd(fd[1], 1);
		run_text(text, end);
		exit(status);
	}
	end_job(begun);
	close(fd[1]);
	output = read_all(fd[0], &n);
	close(fd[0]);
	status = wait_for(&pid, 1);
	while (n > 0 && output[n - 1] == '\n')
		n--;
	for (size_t i = 0; i < n; i++)
		if (!quoted && strchr(" \t\n", output[i]))
			end_word();
		else
			put(output[i]);
	free(output);
}

/* Adds the word at p to the command: without its quotes, and with what $ stands for. */
static void
expand(const char *p, const char *end)
{
	bool quoted = false;

	for (; p < end && !cmd.failed; p++) {
		char next = p + 1 < end ? p[1] : '\0';

		if (*p == '"') {
			open_word(); /* "" is a word */
			quoted = !quoted;
		} else if (*p == '\'' && !quoted) {
			open_word();
			while (*++p != '\'')
				put(*p);
		} else if (*p == '\\' && next && (!quoted || strchr("\\\"$\n", next))) {
			p++;
			if (next != '\n')
				put(next);
		} else if (*p == '$' && next == '(') {
			const char *close = span(p + 2, end, ')');

			substitute(p + 2, close, quoted);
			p = close;
		} else if (*p == '$' && (next == '?' || next == '!')) {
			char number[12];

			snprintf(number, sizeof(number), "%d",
				next == '?' ? status : background_pid);
			for (const char *digit = number; *digit; digit++)
				put(*digit);
			p++;
		} else {
			put(*p);
		}
	}
	end_word();
}

/* Opens the files of the command's redirections; says so when one fails. */
static bool
redirect(void)
{
	for (int i = 0; i < 3; i++) {
		int fd;

		if (!cmd.file[i])
			continue;
		fd = open(cmd.file[i], i == 0 ? O_RDONLY : O_WRONLY | O_CREATE | O_TRUNC);
		if (fd < 0) {
			warn("%s: %s", cmd.file[i], strerror(fd));
			return false;
		}
		move_fd(fd, i);
	}
	if (cmd.err_to_out) {
		close(2);
		dup(1);
	}
	return true;
}

static const char *const builtins[] = {"cd", "exit", "set", "wait", "true", "false"};

enum { CD, EXIT, SET, WAIT, TRUE, FALSE, NOTHING, PROGRAM };

/* Returns which of the builtins the command is, NOTHING if it has no words, or PROGRAM. */
static int
kind_of_command(void)
{
	if (cmd.argc == 0)
		return NOTHING;
	for (size_t i = 0; i < NELEM(builtins); i++)
		if (strcmp(cmd.argv[0], builtins[i]) == 0)
			return i;
	return PROGRAM;
}

/* Does what a builtin does; returns its exit status. */
static int
run_builtin(int kind)
{
	const char *arg = cmd.argc > 1 ? cmd.argv[1] : NULL;
	u64 number = status;
	int error, ignored;

	switch (kind) {
	case CD:
		error = chdir(arg ? arg : "/");
		if (error < 0)
			warn("cd: %s: %s", arg ? arg : "/", strerror(error));
		return error < 0;
	case EXIT:
		if (arg && !parse_number(arg, &number)) {
			warn("exit: %s: not a number", arg);
			number = 2;
		}
		exit(number);
	case SET:
		if (!arg || (strcmp(arg, "-x") != 0 && strcmp(arg, "+x") != 0)) {
			warn("usage: set -x, or set +x");
			return 2;
		}
		trace = *arg == '-';
		return 0;
	case WAIT: /* children in the background are all that there are now */
		while (wait(&ignored) >= 0)
			;
		return 0;
	case NOTHING: /* the status of the last $( ), as in $(false) */
		return status;
	}
	return kind == FALSE;
}

/* Becomes the command; in and out, unless negative, are its ends of pipes. */
static NORETURN void
become_command(int in, int out)
{
	int kind = kind_of_command(), error;
	char path[MAX_PATH];

	if (in >= 0)
		move_fd(in, 0);
	if (out >= 0)
		move_fd(out, 1);
	if (cmd.failed || !redirect())
		exit(1);
	if (kind != PROGRAM)
		exit(run_builtin(kind));
	snprintf(path, sizeof(path), "%s%s", strchr(cmd.argv[0], '/') ? "" : "/bin/", cmd.argv[0]);
	error = exec(path, cmd.argv);
	if (error == -ENOENT)
		warn("%s: no such program", cmd.argv[0]);
	else
		warn("%s: %s", cmd.argv[0], strerror(error));
	exit(error == -ENOENT ? 127 : 126);
}

/* Runs the command alone, without a pipe; a builtin runs in this process, to have its effect. */
static void
run_alone(void)
{
	int kind = kind_of_command(), saved[3], pid;

	if (cmd.failed) {
		status = 1;
	} else if (kind != PROGRAM) {
		for (int i = 0; i < 3; i++)
			saved[i] = dup(i);
		status = redirect() ? run_builtin(kind) : 1;
		for (int i = 0; i < 3; i++)
			move_fd(saved[i], i);
	} else {
		bool begun = !exec_here && begin_job();
		pid = exec_here ? 0 : fork_child();
		if (pid == 0)
			become_command(-1, -1);
		end_job(begun);
		if (pid < 0)
			warn("cannot fork: %s", strerror(pid));
		status = pid < 0 ? 1 : wait_for(&pid, 1);
	}
}

/* Parses a command; if it is to run, expands it into cmd. */
static void
parse_command(bool run)
{
	bool empty = true;

	commands++;
	memset(&cmd, 0, offsetof(struct command, bytes));
	for (; lex.token == WORD || lex.token <= ERR || lex.token == IN || lex.token == OUT;
		advance(), empty = false) {
		enum token redirection = lex.token;
		int target = redirection == IN ? 0 : redirection == OUT ? 1 : 2, before = cmd.argc;

		if (redirection == ERR_TO_OUT) {
			cmd.err_to_out = true;
			continue;
		}
		if (redirection != WORD) {
			advance();
			if (lex.token != WORD)
				unexpected();
		}
		if (run)
			expand(lex.word, lex.at);
		if (run && redirection != WORD) {
			if (cmd.argc != before + 1)
				fail("a redirection needs one file name");
			else
				cmd.file[target] = cmd.argv[--cmd.argc];
		}
	}
	if (empty)
		unexpected();
	cmd.argv[cmd.argc] = NULL;
	if (run && trace && !cmd.failed && cmd.argc > 0) {
		char line[sizeof(cmd.bytes) + 1];
		size_t n = 0;

		for (int i = 0; i < cmd.argc; i++)
			n += snprintf(line + n, sizeof(line) - n, " %s", cmd.argv[i]);
		fprintf(2, "+%s\n", line);
	}
}

/* Parses and runs a pipeline: the commands of a longer one are children that run together. */
static void
parse_pipeline(bool run)
{
	int pids[MAX_PIPELINE], n = 0, in = -1;
	bool invert = lex.token == WORD && lex.at - lex.word == 1 && *lex.word == '!';
	bool broken = false, begun = false;

	if (invert) {
		commands++;
		advance();
	}
	for (;;) {
		int fd[2] = {-1, -1}, pid;
		bool more;

		parse_command(run);
		more = lex.token == PIPE;
		if (run && !more && n == 0)
			run_alone();
		if (run && (more || n > 0)) {
			if (n == MAX_PIPELINE || (more && pipe(fd) < 0)) {
				warn("the pipeline is too long");
				broken = true;
			}
			if (n == 0)
				begun = begin_job();
			pid = broken ? -1 : fork_child();
			if (pid == 0) {
				if (more)
					close(fd[0]);
				become_command(in, fd[1]);
			}
			if (pid >= 0)
				pids[n++] = pid;
			else if (!broken)
				warn("cannot fork: %s", strerror(pid));
			broken |= pid < 0; /* what runs already sees the end of its pipe */
			run &= !broken;
			if (in >= 0)
				close(in);
			if (more)
				close(fd[1]);
			in = fd[0];
		}
		if (!more)
			break;
		advance();
		skip_newlines();
	}
	if (broken && in >= 0)
		close(in);
	end_job(begun);
	if (n > 0)
		status = wait_for(pids, n);
	if (broken)
		status = 1;
	if (run && invert)
		status = !status;
}

/* Parses pipelines joined by && and ||, and runs those whose turn comes. */
static void
parse_and_or(bool run)
{
	parse_pipeline(run);
	while (lex.token == AND || lex.token == OR) {
		bool after_success = lex.token == AND;

		advance();
		skip_newlines();
		parse_pipeline(run && after_success == (status == 0));
	}
}

/* Parses a list and runs it; only what follows an and-or says whether that is to wait. */
static void
parse_list(bool run)
{
	for (skip_newlines(); lex.token != END; skip_newlines()) {
		struct lexer start = lex, after;

		commands = 0;
		parse_and_or(false);
		after = lex;
		if (run) {
			bool single = commands == 1;
			int pid = after.token == BACKGROUND ? fork() : -1;

			lex = start;
			if (pid == 0) {
				move_fd(open("/dev/null", O_RDONLY),
					0); /* what is typed is not for it */
				interactive = false;
				exec_here = single; /* so that $! is the program's own pid */
				parse_and_or(true);
				exit(status);
			}
			if (after.token != BACKGROUND)
				parse_and_or(true);
			else if (pid < 0)
				warn("cannot fork: %s", strerror(pid));
			else
				background_pid = pid;
			if (after.token == BACKGROUND)
				status = pid < 0;
			/* A job that was killed takes the rest of the line with it. */
			run = !interactive || status >= 0;
			lex = after;
		}
		if (lex.token == SEMICOLON || lex.token == BACKGROUND || lex.token == NEWLINE)
			advance();
		else if (lex.token != END)
			unexpected();
	}
}

/* Runs a text of commands if all of it parses. */
static void
run_text(const char *text, const char *end)
{
	exec_here = syntax_error = false;
	lex.text = lex.at = text;
	lex.end = end;
	advance();
	parse_list(false);
	if (syntax_error) {
		status = 2;
		return;
	}
	lex.at = text;
	advance();
	parse_list(true);
}

int
main(int argc, char **argv)
{
	char **args = argv + 1, *text = NULL, *line;
	size_t length;
	struct stat st;
	int fd = 0;

	(void)argc;
	while (next_option(&args, "c:", &text))
		;
	if (*args && (text || args[1]))
		usage(2);
	if (text) {
		run_text(text, text + strlen(text));
		return status;
	}
	if (!*args && fstat(0, &st) >= 0 && st.type == T_DEV) {
		tell_console("nojob"); /* nor are its commands in the background in any */
		interactive = true;
		while ((line = edit_line("$ ")))
			run_text(line, line + strlen(line));
		return status;
	}
	if (*args && (fd = open_input(*args)) < 0)
		return 127;
	text = read_all(fd, &length);
	if (!text)
		die("cannot read the commands");
	if (fd > 0)
		close(fd);
	run_text(text, text + length);
	return status;
}
