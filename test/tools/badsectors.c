/* Makes reads of some ranges of a file fail with EIO, as bad sectors do: BAD_FILE, BAD_RANGES=OFFSET:LENGTH,... */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static ssize_t read_good(int fd, void *bytes, size_t count, off64_t offset) {
  static ssize_t (*real)(int, void *, size_t, off64_t);
  if (real == NULL) real = dlsym(RTLD_NEXT, "pread64");
  struct stat64 here, bad;
  const char *file = getenv("BAD_FILE"), *range = getenv("BAD_RANGES");
  if (file == NULL || range == NULL || fstat64(fd, &here) != 0 || stat64(file, &bad) != 0 ||
      here.st_ino != bad.st_ino || here.st_dev != bad.st_dev)
    return real(fd, bytes, count, offset);
  while (*range != 0) {
    char *next;
    off64_t start = strtoll(range, &next, 10);
    off64_t end = start + strtoll(next + 1, &next, 10);
    range = *next == ',' ? next + 1 : next;
    if (offset >= start && offset < end) {
      errno = EIO;
      return -1;
    }
    /* A read stops before the first page that fails. */
    if (offset < start && offset + (off64_t)count > start) count = start - offset;
  }
  return real(fd, bytes, count, offset);
}

ssize_t pread64(int fd, void *bytes, size_t count, off64_t offset) { return read_good(fd, bytes, count, offset); }
ssize_t pread(int fd, void *bytes, size_t count, off_t offset) { return read_good(fd, bytes, count, offset); }
