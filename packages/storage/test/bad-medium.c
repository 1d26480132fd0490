/* Stands before the C library of one process and plays a medium that goes bad, at the word of files: while FULL_WHILE names one,
 * pages are refused for lack of space, every other time only after half of them were taken; while BROKEN_WHILE names one they are
 * refused with EIO. The two pages that name the root are always taken: they have had their space from the beginning, and once one
 * has failed, LMDB refuses reads too. The first flush after FLUSH_FAILS_AT names one fails, and takes that file away. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define ROOTS_END 8192

static const char *there(const char *variable) {
	const char *path = getenv(variable);
	return path && access(path, F_OK) == 0 ? path : NULL;
}

/* 0, or why the pages of a file are refused. */
static int refusal_for(int fd) {
	struct stat about;
	int before = errno;
	int refusal = fstat(fd, &about) || !S_ISREG(about.st_mode) ? 0 : there("BROKEN_WHILE") ? EIO : there("FULL_WHILE") ? ENOSPC : 0;
	errno = refusal ? refusal : before;
	return refusal;
}

static int takes_half(int refusal, size_t count) {
	static int turn;
	return refusal == ENOSPC && count > 1 && turn++ % 2 == 0;
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
	static ssize_t (*real)(int, const void *, size_t, off64_t);
	if (!real) real = dlsym(RTLD_NEXT, "pwrite64");
	int refusal = refusal_for(fd);
	if (at < ROOTS_END) refusal = 0;
	if (takes_half(refusal, count)) return real(fd, bytes, count / 2, at);
	return refusal ? -1 : real(fd, bytes, count, at);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
	static ssize_t (*real)(int, const struct iovec *, int);
	if (!real) real = dlsym(RTLD_NEXT, "writev");
	int refusal = refusal_for(fd);
	if (takes_half(refusal, parts[0].iov_len)) {
		struct iovec half = {parts[0].iov_base, parts[0].iov_len / 2};
		/* And a whole part before it, where there are two. */
		return count == 1 ? real(fd, &half, 1) : real(fd, (struct iovec[]){parts[0], {parts[1].iov_base, 1}}, 2);
	}
	return refusal ? -1 : real(fd, parts, count);
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
