/* Memory and strings. The compiler may call the mem* functions by itself. */
#include "lib/string.h"

void *
memcpy(void *dst, const void *src, size_t n)
{
	void *d = dst;
	size_t words = n / 8;

	n %= 8;
	asm volatile("rep movsq" : "+D"(d), "+S"(src), "+c"(words)::"memory");
	asm volatile("rep movsb" : "+D"(d), "+S"(src), "+c"(n)::"memory");
	return dst;
}

void *
memmove(void *dst, const void *src, size_t n)
{
	const u8 *s = src;
	u8 *d = dst;

	if (d <= s || d >= s + n)
		return memcpy(dst, src, n);
	while (n--)
		d[n] = s[n];
	return dst;
}

void *
memset(void *dst, int c, size_t n)
{
	void *d = dst;
	size_t words = n / 8;
	u64 pattern = (u8)c * 0x0101010101010101UL;

	n %= 8;
	asm volatile("rep stosq" : "+D"(d), "+c"(words) : "a"(pattern) : "memory");
	asm volatile("rep stosb" : "+D"(d), "+c"(n) : "a"(pattern) : "memory");
	return dst;
}

int
memcmp(const void *a, const void *b, size_t n)
{
	const u8 *x = a, *y = b;

	for (; n; n--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

size_t
strlen(const char *s)
{
	return strnlen(s, (size_t)-1);
}

size_t
strnlen(const char *s, size_t max)
{
	size_t n = 0;

	while (n < max && s[n])
		n++;
	return n;
}

int
strcmp(const char *a, const char *b)
{
	return strncmp(a, b, (size_t)-1);
}

int
strncmp(const char *a, const char *b, size_t n)
{
	for (; n; n--, a++, b++)
		if (*a != *b || !*a)
			return (u8)*a - (u8)*b;
	return 0;
}

char *
strchr(const char *s, int c)
{
	for (;; s++) {
		if (*s == (char)c)
			return (char *)s;
		if (!*s)
			return NULL;
	}
}

char *
strrchr(const char *s, int c)
{
	char *found = NULL;

	for (;; s++) {
		if (*s == (char)c)
			found = (char *)s;
		if (!*s)
			return found;
	}
}

unsigned
cut_words(char *s, const char *at, bool empty, char *word[], unsigned max)
{
	unsigned n = 0;

	for (char *end; s && n < max; s = end) {
		for (end = s; *end && !strchr(at, *end);)
			end++;
		if (empty || end > s)
			word[n++] = s;
		if (*end)
			*end++ = 0;
		else
			end = NULL;
	}
	return n;
}

size_t
strlcpy(char *dst, const char *src, size_t size)
{
	size_t n = strlen(src);

	if (size) {
		size_t k = MIN(n, size - 1);
		memcpy(dst, src, k);
		dst[k] = 0;
	}
	return n;
}

bool
parse_u64(const char **s, u64 *v)
{
	const char *p = *s, *start;
	u64 base = 10, n = 0;

	if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X')) {
		base = 16;
		p += 2;
	}
	for (start = p;; p++) {
		u64 digit = *p >= '0' && *p <= '9'   ? *p - '0'
			    : *p >= 'a' && *p <= 'f' ? *p - 'a' + 10
			    : *p >= 'A' && *p <= 'F' ? *p - 'A' + 10
						     : 99;
		if (digit >= base)
			break;
		if (__builtin_mul_overflow(n, base, &n) || __builtin_add_overflow(n, digit, &n))
			return false;
	}
	if (p == start)
		return false;
	*s = p;
	*v = n;
	return true;
}
