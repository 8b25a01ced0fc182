/*
 * dmabench: what a DMA mapping costs. Prints TSV; a tick of the TSC is an instruction in QEMU with
 * `-icount shift=0`.
 */
#include "user/user.h"

const char usage_text[] =
	"dmabench map DEVICE [-s STRATEGY] [-p PAGES] [-b BATCH] [-n ROUNDS] [-l LIVE]\n"
	"       dmabench null";

static char answer[256];

/* One command to /dev/dma; ends the program if it fails. */
static u64
dma(const char *format, ...)
{
	int fd;
	char line[128];
	va_list args;
	u64 value = 0;
	ssize_t n;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if ((fd = open("/dev/dma", O_RDWR)) < 0)
		die("/dev/dma: %s", strerror(fd));
	if ((n = write(fd, line, strlen(line))) < 0)
		die("%s: %s", line, strerror(n));
	n = read(fd, answer, sizeof(answer) - 1);
	answer[n > 0 ? n : 0] = 0;
	parse_number(answer, &value);
	close(fd);
	return value;
}

int
main(int argc, char **argv)
{
	u64 pages = 1, batch = 1, rounds = 1000, live = 0;
	char **args = argv + 1, *value, *strategy = NULL;
	const char *what = argc > 1 ? argv[1] : "", *device = argc > 2 ? argv[2] : "";
	int c;

	if (strcmp(what, "null") == 0) {
		printf("null\t%lu\n", dma("null 1000"));
		return 0;
	}
	if (argc > 1 && argv[1][0] != '-')
		args += argc > 2 ? 2 : 1;
	while ((c = next_option(&args, "s:p:b:n:l:", &value))) {
		if (c == 's')
			strategy = value;
		else
			*(c == 'p'         ? &pages
				: c == 'b' ? &batch
				: c == 'n' ? &rounds
					   : &live) = number_argument(value);
	}
	if (strcmp(what, "map") != 0 || !*device || *args)
		usage(2);
	if (strategy)
		dma("strategy %s %s", device, strategy);
	dma("cost %s %lu %lu %lu %lu", device, pages, batch, rounds, live);
	for (char *p = answer; *p; p++) /* TSV, in the order of /dev/dma */
		*p = *p == ' ' ? '\t' : *p == '\n' ? 0 : *p;
	printf("%s\t%lu\t%lu\t%lu\t%s\n", strategy ? strategy : "-", pages, batch, live, answer);
	return 0;
}
