/* Reading of a line that is edited while it is typed. */
#ifndef USER_EDIT_H
#define USER_EDIT_H

/* Prints the prompt and reads a line from the console: good until the next call; NULL: no more. */
char *edit_line(const char *prompt);

#endif
