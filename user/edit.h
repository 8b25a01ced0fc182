/* Reading of a line that is edited while it is typed. */
#pragma once

/* Prints the prompt and reads a line from the console: good until the next call; NULL: no more. */
char *edit_line(const char *prompt);
