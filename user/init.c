/* The first program: runs the shell, and adopts every program whose parent has ended. */
#include "user/user.h"

const char usage_text[] = "init [SCRIPT]";

/* Starts the shell with the given arguments; returns its pid. */
static int
start_shell(char **argv)
{
	int pid = fork();

	if (pid == 0) {
		int error = exec("/bin/sh", argv);

		warn("/bin/sh: %s", strerror(error));
		exit(127);
	}
	return pid;
}

/* Waits until pid has ended, burying whatever else ends; returns its exit status. */
static int
wait_for(int pid)
{
	int ended, status;

	do
		ended = wait(&status);
	while (ended != pid && ended >= 0);
	return ended == pid ? status : 1;
}

/* With a script, runs it and powers off with its status; without, keeps a shell running. */
int
main(int argc, char **argv)
{
	char **args = argv + 1;

	(void)argc;
	while (next_option(&args, "", NULL))
		;
	if (args[0] && args[1])
		usage(2);
	if (*args) {
		char *script[] = {"sh", "-c", *args, NULL};

		poweroff(1, wait_for(start_shell(script)));
		die("cannot power off");
	}

	char *interactive[] = {"sh", NULL};

	printf("Halcyon: welcome. The programs are in /bin; each explains itself with -h.\n");
	for (;;) {
		wait_for(start_shell(interactive));
		sleep(200); /* so that a shell which cannot start does not flood the console */
	}
}
