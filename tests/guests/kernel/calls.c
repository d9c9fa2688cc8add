/* SPDX-License-Identifier: MIT */
/* Calls whose outcome is the same on Linux when stdin is empty and stdout and stderr are pipes. The current
 * folder holds data.txt ("0123456789" 1000 times) and folder/inner.txt. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

static void show(const char *what, long result) {
    if (result == -1)
        printf("%s: error %d\n", what, errno);
    else
        printf("%s: %ld\n", what, result);
}

static void reading(void) {
    char a[16] = "", b[16] = "";
    struct iovec pieces[] = {{a, 7}, {b, 9}};
    int fd = open("data.txt", O_RDONLY);
    show("open", fd);
    show("read", read(fd, a, 10));
    show("readv", readv(fd, pieces, 2));
    printf("%.7s %.9s\n", a, b);
    show("pread", pread(fd, a, 5, 9998));
    show("preadv", preadv(fd, pieces, 2, 3));
    printf("%.7s %.9s\n", a, b);
    show("beyond", pread(fd, a, 5, 20000));
    show("where", lseek(fd, 0, SEEK_CUR));
    show("end", lseek(fd, -3, SEEK_END));
    show("tail", read(fd, a, 16));
    show("past", read(fd, a, 16));
    show("before", lseek(fd, -1, SEEK_SET));
    show("whence", lseek(fd, 0, 77));
    show("bad buffer", read(fd, (void *)8, 16));
    lseek(fd, 0, SEEK_SET);
    show("bad buffer with data", read(fd, (void *)8, 16));
    show("kernel's buffer", read(fd, (void *)-4096, 16));
    show("not canonical", read(fd, (void *)0x1234567812345678, 16));
    show("write", write(fd, "x", 1));
    int other = dup(fd);
    show("dup", other);
    lseek(other, 42, SEEK_SET);
    show("shared", lseek(fd, 0, SEEK_CUR));
    show("dup2", dup2(fd, 17));
    show("dupfd", fcntl(fd, F_DUPFD, 20));
    show("getfl", fcntl(fd, F_GETFL) & O_ACCMODE);
    show("close", close(fd));
    show("close again", close(fd));
    show("survives", read(17, a, 3));
    show("lowest", open("data.txt", O_RDONLY));
    show("not open", read(99, a, 1));
}

static void paths(void) {
    struct stat s;
    show("missing", open("nothing.txt", O_RDONLY));
    show("through a file", open("data.txt/x", O_RDONLY));
    show("inner", open("folder/inner.txt", O_RDONLY));
    show("dotted", open("./data.txt", O_RDONLY));
    show("exclusive", open("data.txt", O_RDONLY | O_CREAT | O_EXCL, 0600));
    show("no folder", open("data.txt", O_RDONLY | O_DIRECTORY));
    show("folder for writing", open("folder", O_WRONLY));
    show("empty", open("", O_RDONLY));
    show("bad path", open((char *)1, O_RDONLY));
    show("stat", stat("data.txt", &s));
    printf("%d %ld %ld\n", S_ISREG(s.st_mode), (long)s.st_size, (long)s.st_nlink);
    show("folder", stat("folder", &s));
    printf("%d\n", S_ISDIR(s.st_mode));
    show("lstat", lstat("data.txt", &s));
    show("fstatat", fstatat(AT_FDCWD, "folder/inner.txt", &s, 0));
    printf("%ld\n", (long)s.st_size);
    show("stat missing", stat("nothing", &s));
    show("access", access("data.txt", R_OK));
    show("no access", access("nothing", F_OK));
    show("readlink", readlink("data.txt", (char[8]){0}, 8));
    for (int fd = 0; fd < 3; fd++)
        show("pipe", fstat(fd, &s) ? -1 : S_ISFIFO(s.st_mode));
    struct winsize size;
    show("terminal", ioctl(1, TIOCGWINSZ, &size));
    show("tty", isatty(0));
    show("seek a pipe", lseek(1, 0, SEEK_CUR));
    show("read a folder", read(open("folder", O_RDONLY), &s, 8));
}

static void streams(void) {
    char line[32];
    FILE *f = fopen("data.txt", "r");
    fseek(f, 9995, SEEK_SET);
    printf("%s|%d\n", fgets(line, sizeof line, f), feof(f));
    rewind(f);
    long sum = 0;
    for (int c; (c = getc(f)) != EOF;)
        sum += c;
    printf("%ld %ld\n", sum, ftell(f));
    fclose(f);
    int fd = open("data.txt", O_RDONLY);
    char *p = mmap(NULL, 10000, PROT_READ, MAP_PRIVATE, fd, 0);
    char *q = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 4096);
    printf("%.10s %d %.4s %d\n", p, p[9999], q, q[8191]);
    q[0] = 'x';
    show("private", pread(fd, line, 1, 4096));
    printf("%c\n", line[0]);
    show("shared writable",
         mmap(NULL, 4096, PROT_WRITE | PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED ? -1 : 1);
    show("map a pipe", mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, 1, 0) == MAP_FAILED ? -1 : 1);
    show("map nothing", mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, 99, 0) == MAP_FAILED ? -1 : 1);
    show("empty input", read(0, line, 10));
    struct pollfd list[] = {{1, POLLOUT, 0}, {99, POLLIN, 0}, {-1, POLLIN, 0}};
    show("poll", poll(list, 3, -1));
    printf("%d %d %d\n", list[0].revents, list[1].revents, list[2].revents);
}

static int compare(const void *a, const void *b) {
    return strcmp(a, b);
}

static void folder(void) {
    char names[8][32];
    int count = 0;
    DIR *d = opendir("folder");
    for (struct dirent *e; d && (e = readdir(d));)
        if (e->d_name[0] != '.' && count < 8)
            snprintf(names[count++], sizeof *names, "%.20s %d", e->d_name, e->d_type);
    qsort(names, (size_t)count, sizeof *names, compare);
    for (int i = 0; i < count; i++)
        puts(names[i]);
    rewinddir(d);
    printf("%d\n", readdir(d) != NULL);
    closedir(d);
}

static void devices(void) {
    unsigned char bytes[2][16] = {0};
    struct stat s;
    FILE *f = fopen("/dev/null", "w+");
    show("written to nowhere", fputs("lost", f) >= 0 && !fflush(f));
    show("read from nowhere", fgetc(f));
    show("a device", fstat(fileno(f), &s) == 0 && S_ISCHR(s.st_mode));
    fclose(f);
    for (int i = 0; i < 2; i++) {
        f = fopen(i ? "/dev/urandom" : "/dev/random", "rb");
        show("random", (long)fread(bytes[i], 1, sizeof bytes[i], f));
        fclose(f);
    }
    show("different", memcmp(bytes[0], bytes[1], sizeof bytes[0]) != 0);
    show("no device",
         access("/dev/nul", R_OK) || access("/dev/vrandom", R_OK) || access("/dev/randomx", R_OK));
    show("named", !access("/dev/null", W_OK) && !stat("/dev/urandom", &s) && S_ISCHR(s.st_mode));
}

static void clocks(void) {
    struct timespec a, b, length = {0, 20000000};
    struct timeval now;
    show("monotonic", clock_gettime(CLOCK_MONOTONIC, &a));
    show("sleep", nanosleep(&length, NULL));
    clock_gettime(CLOCK_MONOTONIC, &b);
    long ns = (b.tv_sec - a.tv_sec) * 1000000000 + b.tv_nsec - a.tv_nsec;
    printf("%d %d\n", ns >= 20000000, ns < 2000000000);
    show("bad sleep", nanosleep(&(struct timespec){0, 1000000000}, NULL));
    show("no clock", clock_gettime(77, &a));
    clock_gettime(CLOCK_REALTIME, &a);
    gettimeofday(&now, NULL);
    printf("%d %d %d\n", a.tv_sec > 1700000000, labs(now.tv_sec - a.tv_sec) < 2,
           labs(time(NULL) - a.tv_sec) < 2);
    show("absolute", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &b, NULL));
    show("resolution", clock_getres(CLOCK_MONOTONIC, &a));
    printf("%d\n", clock() >= 0);
}

static void process(void) {
    struct utsname name;
    struct rlimit limit;
    struct rusage usage;
    struct sysinfo info;
    sigset_t set, old;
    unsigned char bytes[64] = {0};
    int sum = 0;
    show("uname", uname(&name));
    puts(name.sysname);
    puts(name.machine);
    show("random", getrandom(bytes, sizeof bytes, 0));
    for (size_t i = 0; i < sizeof bytes; i++)
        sum += bytes[i] != 0;
    printf("%d\n", sum > 32);
    show("limit", getrlimit(RLIMIT_STACK, &limit));
    show("usage", getrusage(RUSAGE_SELF, &usage));
    show("sysinfo", sysinfo(&info) || !info.totalram);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    show("mask", sigprocmask(SIG_BLOCK, &set, &old));
    show("masked", sigprocmask(SIG_SETMASK, &old, &set) || !sigismember(&set, SIGUSR1));
    show("ignore", signal(SIGUSR2, SIG_IGN) == SIG_DFL);
    show("ignored", raise(SIGUSR2));
    show("was ignored", signal(SIGUSR2, SIG_DFL) == SIG_IGN);
    show("harmless", raise(SIGWINCH));
    show("exists", kill(getpid(), 0));
    show("bad signal", kill(getpid(), 99));
    show("futex", syscall(SYS_futex, &sum, 1, 1, NULL, NULL, 0));
    show("not waiting", syscall(SYS_futex, &sum, 0, sum + 1, NULL, NULL, 0));
    show("bad pointer", syscall(SYS_write, 1, (void *)4096, 10));
    show("bad vector", syscall(SYS_writev, 1, (void *)4096, 2));
    show("bad stack", syscall(SYS_sigaltstack, NULL, (void *)16));
    show("bad fd", write(99, "x", 1));
    show("thread", getpid() == gettid());
    show("cpus", sysconf(_SC_NPROCESSORS_ONLN) >= 1);
}

int main(int argc, char **argv) {
    setvbuf(stdout, NULL, _IOFBF, 1 << 16);
    printf("%d %s\n", argc, argv[argc - 1]);
    reading();
    paths();
    streams();
    folder();
    devices();
    clocks();
    process();
    fflush(stdout);
    return 3;
}
