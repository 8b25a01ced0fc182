/*
 * The line editor. It draws with nothing but characters and backspaces, so that it needs to know
 * no terminal; keys that are not characters arrive as a terminal sends them, "ESC [ A".
 */
#include "user/edit.h"
#include "user/user.h"

#define CTRL(letter) ((letter)&0x1f)

enum { LINE_SIZE = 1024, HISTORY = 50, ESC = 033 };
enum { UP = 256, DOWN, LEFT, RIGHT, HOME, END, DELETE, UNKNOWN };

static struct line {
	size_t length, at; /* at: where the cursor stands */
	char text[LINE_SIZE];
} line, draft; /* draft: what was being typed when history was called up */

static struct {
	size_t length, at;
} shown; /* of the line, on the screen */

static char *history[HISTORY];
static int lines, chosen; /* in history; the line that is shown, or `lines` for a new one */

/* Brings the screen up to date after a change of the text from `from` on, or of the cursor. */
static void
show(size_t from)
{
	static char out[4 * LINE_SIZE];
	size_t end = MAX(line.length, shown.length), n = 0;

	from = MIN(from, shown.at);
	for (; shown.at > from; shown.at--)
		out[n++] = '\b';
	for (size_t i = from; i < end; i++)
		out[n++] = i < line.length ? line.text[i] : ' ';
	for (; end > line.at; end--)
		out[n++] = '\b';
	write_full(1, out, n);
	shown.length = line.length;
	shown.at = line.at;
}

/* Moves the cursor. */
static void
move(size_t at)
{
	size_t from = MIN(at, line.at);

	line.at = at;
	show(from);
}

/* Deletes from there to the cursor. */
static void
delete_back(size_t from)
{
	memmove(line.text + from, line.text + line.at, line.length - line.at);
	line.length -= line.at - from;
	line.at = from;
	show(from);
}

/* Inserts n characters at the cursor, or nothing if they do not fit. */
static void
insert(const char *s, size_t n)
{
	size_t from = line.at;

	if (line.length + n >= LINE_SIZE)
		return;
	memmove(line.text + from + n, line.text + from, line.length - from);
	memcpy(line.text + from, s, n);
	line.length += n;
	line.at += n;
	show(from);
}

/* Shows another line of the history. */
static void
choose(int which)
{
	if (which < 0 || which > lines)
		return;
	if (chosen == lines)
		draft = line;
	chosen = which;
	if (which == lines) {
		line = draft;
	} else {
		line.length = strlcpy(line.text, history[which], LINE_SIZE);
		line.at = line.length;
	}
	show(0);
}

/* Keeps the line, unless it is the last one again. */
static void
remember(void)
{
	char *copy;

	if (!line.length || (lines && strcmp(history[lines - 1], line.text) == 0) ||
		!(copy = malloc(line.length + 1)))
		return;
	memcpy(copy, line.text, line.length + 1);
	if (lines == HISTORY) {
		free(history[0]);
		memmove(history, history + 1, --lines * sizeof(*history));
	}
	history[lines++] = copy;
}

/* Tab: the names in a directory that begin with what is typed. */
static struct {
	const char *prefix;
	size_t length;
	int count;
	char common[NAME_MAX + 2]; /* what they have in common */
} names;

/* Looks at a directory's names; prints them if that is asked for. */
static void
each_name(const char *directory, bool print)
{
	int fd = open(directory, O_RDONLY);
	struct dirent entry;

	while (fd >= 0 && read(fd, &entry, sizeof(entry)) == sizeof(entry)) {
		size_t same = 0;

		if (!entry.ino || (entry.name[0] == '.' && names.prefix[0] != '.') ||
			strncmp(entry.name, names.prefix, names.length) != 0)
			continue;
		if (print)
			printf("%s  ", entry.name);
		if (names.count++ == 0)
			strlcpy(names.common, entry.name, sizeof(names.common));
		while (names.common[same] && names.common[same] == entry.name[same])
			same++;
		names.common[same] = '\0';
	}
	if (fd >= 0)
		close(fd);
}

/* Completes the word before the cursor as far as it is clear, or else shows what it may become. */
static void
complete(const char *prompt)
{
	char word[MAX_PATH], *slash;
	const char *directory = "/bin";
	size_t start = line.at, length;
	struct stat st;
	int fd;

	while (start > 0 && !strchr(" \t|&;<>'\"", line.text[start - 1]))
		start--;
	for (size_t i = 0; i < start; i++) /* the first word of all is a command */
		if (line.text[i] != ' ')
			directory = ".";
	length = line.at - start;
	if (length >= sizeof(word))
		return;
	memcpy(word, line.text + start, length);
	word[length] = '\0';
	slash = strrchr(word, '/');
	names.prefix = slash ? slash + 1 : word;
	names.length = strlen(names.prefix);
	names.count = 0;
	if (slash) {
		*slash = '\0';
		directory = slash == word ? "/" : word;
	}
	each_name(directory, false);
	if (names.count > 1 && strlen(names.common) == names.length) {
		printf("\n");
		each_name(directory, true);
		printf("\n%s", prompt);
		shown.length = shown.at = 0;
		show(0);
	} else if (names.count) {
		if (names.count == 1) {
			char path[MAX_PATH + NAME_MAX + 2];

			snprintf(path, sizeof(path), "%s/%s", directory, names.common);
			fd = open(path, O_RDONLY);
			fstat(fd, &st);
			length = strlen(names.common);
			strlcpy(names.common + length, fd >= 0 && st.type == T_DIR ? "/" : " ", 2);
			if (fd >= 0)
				close(fd);
		}
		insert(names.common + names.length, strlen(names.common) - names.length);
	}
}

/* Reads a key; -1 when there are no more. */
static int
key(void)
{
	static const struct {
		const char *sequence;
		int key;
	} keys[] = {{"[A", UP}, {"[B", DOWN}, {"[C", RIGHT}, {"[D", LEFT}, {"[H", HOME},
		{"[F", END}, {"OH", HOME}, {"OF", END}, {"[1~", HOME}, {"[4~", END},
		{"[3~", DELETE}};
	char s[8] = "", c;
	size_t n = 0;

	if (read(0, &c, 1) != 1)
		return -1;
	if (c != ESC)
		return (u8)c;
	/* A sequence is "[" or "O", digits, and one character that ends it. */
	do {
		if (read(0, &c, 1) != 1)
			return -1;
		if (n < sizeof(s) - 1)
			s[n++] = c;
	} while (n == 1 ? c == '[' || c == 'O' : (c >= '0' && c <= '9') || c == ';');
	for (size_t i = 0; i < NELEM(keys); i++)
		if (strcmp(s, keys[i].sequence) == 0)
			return keys[i].key;
	return UNKNOWN;
}

/* Returns where the word before the cursor begins. */
static size_t
word_start(void)
{
	size_t at = line.at;

	while (at > 0 && line.text[at - 1] == ' ')
		at--;
	while (at > 0 && line.text[at - 1] != ' ')
		at--;
	return at;
}

/* Does what a key other than Return, Ctrl-C and Ctrl-D in an empty line says. */
static void
edit(int k, const char *prompt)
{
	char c = k;

	switch (k) {
	case UP:
		choose(chosen - 1);
		break;
	case DOWN:
		choose(chosen + 1);
		break;
	case LEFT:
	case CTRL('B'):
		move(line.at - (line.at > 0));
		break;
	case RIGHT:
	case CTRL('F'):
		move(line.at + (line.at < line.length));
		break;
	case HOME:
	case CTRL('A'):
		move(0);
		break;
	case END:
	case CTRL('E'):
		move(line.length);
		break;
	case CTRL('K'):
		line.length = line.at;
		show(line.at);
		break;
	case CTRL('U'):
		delete_back(0);
		break;
	case CTRL('W'):
		delete_back(word_start());
		break;
	case DELETE:
	case CTRL('D'):
		if (line.at == line.length)
			break;
		line.at++;
		/* fall through */
	case '\b':
	case 0x7f:
		delete_back(line.at - (line.at > 0));
		break;
	case '\t':
		complete(prompt);
		break;
	default:
		if (k >= ' ' && k < 0x7f)
			insert(&c, 1);
	}
}

/* Reads the line, key by key; false when there are no more. */
static bool
edit_keys(const char *prompt)
{
	int k;

	line.length = line.at = shown.length = shown.at = 0;
	chosen = lines;
	while ((k = key()) >= 0 && k != '\n') {
		if (k == CTRL('C')) {
			line.length = 0;
			fprintf(1, "^C");
			break;
		}
		if (k == CTRL('D') && !line.length)
			break;
		edit(k, prompt);
	}
	printf("\n");
	line.text[line.length] = '\0';
	return k == '\n' || k == CTRL('C');
}

/* The console is raw only while a line is read: as soon as the file is closed it is as always. */
char *
edit_line(const char *prompt)
{
	static struct reader plain;
	int ctl = open("/dev/consctl", O_WRONLY);
	bool got;

	printf("%s", prompt);
	if (ctl < 0)
		return read_line(&plain);
	write(ctl, "raw", 3);
	got = edit_keys(prompt);
	close(ctl);
	if (got)
		remember();
	return got ? line.text : NULL;
}
