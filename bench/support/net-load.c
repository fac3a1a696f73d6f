/*
 * The two ends of bench/network.ts. One process for each connection.
 *   net-load serve PORT              answers: the first byte of a connection says what it wants
 *   net-load stream HOST PORT SEC    sends for that long and prints megabytes a second that have arrived
 *   net-load ask HOST PORT COUNT     asks and is answered, 64 bytes each, and prints microseconds for one turn, the median: what else
 *                                    the processors do is in the longest ones
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PIECE = 128 * 1024, QUESTION = 64 };
static char piece[PIECE];

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

static struct sockaddr_in address(const char *host, const char *port) {
  struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(atoi(port))};
  if (inet_pton(AF_INET, host, &name.sin_addr) != 1) fail(host);
  return name;
}

static void at_once(int socket) {
  int one = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

static void whole(int socket, int is_read) {
  for (size_t done = 0; done < QUESTION;) {
    ssize_t count = is_read ? read(socket, piece + done, QUESTION - done) : write(socket, piece + done, QUESTION - done);
    if (count <= 0) exit(count < 0);
    done += count;
  }
}

static void answer(int peer) {
  char wish;
  at_once(peer);
  if (read(peer, &wish, 1) != 1) exit(1);
  if (wish == 'a')
    for (;;) {
      whole(peer, 1);
      whole(peer, 0);
    }
  unsigned long long total = 0;
  for (ssize_t count; (count = read(peer, piece, PIECE)) > 0;) total += count;
  if (write(peer, &total, sizeof total) != sizeof total) fail("write");
  exit(0);
}

static void serve(const char *port) {
  struct sockaddr_in name = address("0.0.0.0", port);
  int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
  signal(SIGCHLD, SIG_IGN);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listener, (struct sockaddr *)&name, sizeof name) != 0 || listen(listener, 16) != 0) fail("listen");
  for (;;) {
    int peer = accept(listener, 0, 0);
    if (peer < 0) fail("accept");
    if (fork() == 0) answer(peer);
    close(peer);
  }
}

static int by_size(const void *a, const void *b) {
  double left = *(const double *)a, right = *(const double *)b;
  return (left > right) - (left < right);
}

static double ask(int peer, long count) {
  double *turns = calloc(count, sizeof *turns);
  if (!turns) fail("calloc");
  for (long turn = 0; turn < count; turn++) {
    double begin = now();
    whole(peer, 0);
    whole(peer, 1);
    turns[turn] = now() - begin;
  }
  qsort(turns, count, sizeof *turns, by_size);
  return turns[count / 2];
}

int main(int argc, char **argv) {
  if (argc == 3 && strcmp(argv[1], "serve") == 0) serve(argv[2]);
  if (argc != 5) return 2;
  struct sockaddr_in name = address(argv[2], argv[3]);
  int peer = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(peer, (struct sockaddr *)&name, sizeof name) != 0) fail("connect");
  at_once(peer);
  int is_stream = strcmp(argv[1], "stream") == 0;
  if (write(peer, is_stream ? "s" : "a", 1) != 1) fail("write");
  if (!is_stream) {
    printf("%f\n", ask(peer, atol(argv[4])) * 1e6);
    return 0;
  }
  double begin = now();
  for (double end = begin + atof(argv[4]); now() < end;)
    if (write(peer, piece, PIECE) < 0) fail("write");
  shutdown(peer, SHUT_WR);
  unsigned long long total;
  if (read(peer, &total, sizeof total) != sizeof total) fail("read");
  printf("%f\n", total / (now() - begin) / 1e6);
}
