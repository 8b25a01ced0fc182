/* Options of a kernel's command line. */
#include "lib/cmdline.h"
#include "lib/string.h"

/* Copies one word from *s into buf, quotes removed, and moves *s behind it; false at the end. */
static bool
next_word(const char **s, char *buf, size_t size)
{
	const char *p = *s;
	char quote = 0;
	size_t n = 0;

	while (*p == ' ' || *p == '\t')
		p++;
	if (!*p)
		return false;
	for (; *p && (quote || (*p != ' ' && *p != '\t')); p++) {
		bool escaped = *p == '\\' && p[1] && quote != '\'' && strchr("\"'\\", p[1]);

		p += escaped;
		if (!escaped && *p == quote)
			quote = 0;
		else if (!escaped && !quote && (*p == '"' || *p == '\''))
			quote = *p;
		else if (n + 1 < size)
			buf[n++] = *p;
	}
	buf[n] = 0;
	*s = p;
	return true;
}

bool
cmdline_get(const char *cmdline, const char *name, char *buf, size_t size)
{
	static char word[CMDLINE_MAX];
	size_t n = strlen(name);
	bool found = false;

	while (next_word(&cmdline, word, sizeof(word))) {
		if (strncmp(word, name, n) == 0 && word[n] == '=') {
			strlcpy(buf, word + n + 1, size); /* the last one wins */
			found = true;
		}
	}
	return found;
}
