/* edu: a word to the teaching device /dev/edu0, and its answer. */
#include "user/user.h"
const char usage_text[] = "edu COMMAND [ARGUMENT ...]";

int
main(int argc, char **argv)
{
	(void)argc, (void)argv;
	return 0;
}
