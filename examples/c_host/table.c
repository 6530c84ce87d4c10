#include "table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *grown(void *memory, size_t size) {
    void *more = realloc(memory, size);
    if (more == NULL) {
        fprintf(stderr, "out of memory\n");
        exit(EXIT_FAILURE);
    }
    return more;
}

static void text_add_bytes(struct text *text, const char *bytes, size_t size) {
    if (text->size + size + 1 > text->room) {
        text->room = 2 * (text->size + size + 1);
        text->data = grown(text->data, text->room);
    }
    memcpy(text->data + text->size, bytes, size);
    text->size += size;
    text->data[text->size] = '\0';
}

void text_add(struct text *text, const char *piece) {
    text_add_bytes(text, piece, strlen(piece));
}

void text_add_number(struct text *text, long long number) {
    char digits[32];
    snprintf(digits, sizeof digits, "%lld", number);
    text_add(text, digits);
}

void text_add_json(struct text *text, const char *piece) {
    text_add(text, "\"");
    for (; *piece != '\0'; piece++) {
        unsigned char byte = (unsigned char)*piece;
        char escape[8];
        if (byte == '"' || byte == '\\') {
            snprintf(escape, sizeof escape, "\\%c", byte);
            text_add(text, escape);
        } else if (byte < 0x20) {
            snprintf(escape, sizeof escape, "\\u%04x", byte);
            text_add(text, escape);
        } else {
            text_add_bytes(text, piece, 1);
        }
    }
    text_add(text, "\"");
}

void text_free(struct text *text) {
    free(text->data);
    memset(text, 0, sizeof *text);
}

static char *read_file(const char *folder, const char *name) {
    struct text path = {0}, content = {0};
    char block[4096];
    size_t size;
    FILE *file;
    text_add(&path, folder);
    text_add(&path, "/");
    text_add(&path, name);
    file = fopen(path.data, "rb");
    if (file == NULL) {
        perror(path.data);
        exit(EXIT_FAILURE);
    }
    text_add(&content, "");
    while ((size = fread(block, 1, sizeof block, file)) > 0) {
        text_add_bytes(&content, block, size);
    }
    fclose(file);
    text_free(&path);
    return content.data;
}

struct table table_read(const char *folder, const char *file) {
    struct table table = {0};
    size_t count = 0, room = 0;
    char *at;
    table.content = read_file(folder, file);
    at = table.content;
    while (*at != '\0') {
        size_t length = strcspn(at, ",\r\n");
        char end = at[length];
        if (count == room) {
            room = 2 * room + 64;
            table.cells = grown(table.cells, room * sizeof *table.cells);
        }
        table.cells[count++] = at;
        at += length;
        if (end != '\0') *at++ = '\0';
        if (end == '\r' && *at == '\n') at++;
        if (end == ',' && *at != '\0') continue;
        table.rows++;
        if (table.rows == 1) table.columns = count;
        if (count != table.rows * table.columns) {
            fprintf(stderr, "%s, line %lu: not %lu columns\n", file, (unsigned long)table.rows,
                    (unsigned long)table.columns);
            exit(EXIT_FAILURE);
        }
    }
    return table;
}

const char *table_cell(const struct table *table, size_t row, size_t column) {
    return table->cells[row * table->columns + column];
}

void table_free(struct table *table) {
    free(table->content);
    free(table->cells);
    memset(table, 0, sizeof *table);
}

long long json_number(const char *json, const char *name) {
    size_t length = strlen(name);
    const char *at = json;
    while ((at = strchr(at, '"')) != NULL) {
        at++;
        if (strncmp(at, name, length) == 0 && strncmp(at + length, "\":", 2) == 0) {
            return atoll(at + length + 2);
        }
    }
    return -1;
}
