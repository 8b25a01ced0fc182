/* Memory, strings and numbers: the same functions in the kernel and in programs. */
#pragma once

#include "lib/types.h"

void *memcpy(void *dst, const void *src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
/* The first and the last c in s, whose NUL counts; or NULL. */
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);

/*
 * Cuts s into words at each character of `at`; what is empty, between two of them, counts only if
 * `empty`. How many, at most max.
 */
unsigned cut_words(char *s, const char *at, bool empty, char *word[], unsigned max);

/* Copies at most size-1 bytes and always ends dst with NUL; returns strlen(src). */
size_t strlcpy(char *dst, const char *src, size_t size);

/*
 * Parses a number (0x… or decimal) from *s and moves *s behind it; false if there is none, or one
 * that is too large for 64 bits.
 */
bool parse_u64(const char **s, u64 *v);
/* The same of a whole word. */
static inline bool
parse_whole(const char *s, u64 *v)
{
	return parse_u64(&s, v) && !*s;
}
