/* Stands before the C library of one process and plays a medium that goes bad, at the word of files: while FULL_WHILE names one,
 * pages are refused for lack of space; the first flush after FLUSH_FAILS_AT names one fails, and takes that file away. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static const char *there(const char *variable) {
	const char *path = getenv(variable);
	return path && access(path, F_OK) == 0 ? path : NULL;
}

static int is_full_for(int fd) {
	struct stat about;
	int before = errno;
	int is_full = there("FULL_WHILE") && fstat(fd, &about) == 0 && S_ISREG(about.st_mode);
	errno = is_full ? ENOSPC : before;
	return is_full;
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
	static ssize_t (*real)(int, const struct iovec *, int);
	if (!real) real = dlsym(RTLD_NEXT, "writev");
	return is_full_for(fd) ? -1 : real(fd, parts, count);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
	static ssize_t (*real)(int, const void *, size_t, off64_t);
	if (!real) real = dlsym(RTLD_NEXT, "pwrite64");
	return is_full_for(fd) ? -1 : real(fd, bytes, count, at);
}

int fdatasync(int fd) {
	static int (*real)(int);
	if (!real) real = dlsym(RTLD_NEXT, "fdatasync");
	int before = errno;
	const char *path = there("FLUSH_FAILS_AT");
	if (path) {
		unlink(path);
		errno = EIO;
		return -1;
	}
	errno = before;
	return real(fd);
}
