/* What the C host needs around the engine: text that grows, and plain CSV files. */

#ifndef TABLE_H
#define TABLE_H

#include <stddef.h>

/* Text that grows. Starts as `struct text t = {0}` and ends with text_free. */
struct text {
    char *data;
    size_t size, room;
};

void text_add(struct text *text, const char *piece);
void text_add_number(struct text *text, long long number);
/* Adds a JSON string: quoted, with what needs it escaped. */
void text_add_json(struct text *text, const char *piece);
void text_free(struct text *text);

/* A CSV file without quotes. Row 0 holds the names of the columns. */
struct table {
    char *content;
    const char **cells;
    size_t rows, columns;
};

/* Reads a file; prints why and ends the program where it cannot. */
struct table table_read(const char *folder, const char *file);
const char *table_cell(const struct table *table, size_t row, size_t column);
void table_free(struct table *table);

/* The number behind `"name":` in JSON, -1 where there is none. Enough for the reports here. */
long long json_number(const char *json, const char *name);

#endif
