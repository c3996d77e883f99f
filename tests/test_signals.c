/* Signals that arrive in the middle of a product. oneDNN's kernels, made at run time, do not keep
 * the stack as a signal's frame needs it: one that came in between wrote into the heap
 * (oneDNN 2.6).
 *
 * SPDX-License-Identifier: MIT */
#include "check.h"
#include "kernel/kernels.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>

enum { M = 512, N = 384, K = 384, ROUNDS = 60 };

static atomic_bool enough;
static volatile sig_atomic_t arrived;

static void on_signal(int number)
{
    (void)number;
    arrived = 1;
}

/* one every 50 microseconds or so */
static void *send_signals(void *to)
{
    const struct timespec pause = {.tv_nsec = 50000};
    while (!atomic_load(&enough)) {
        pthread_kill(*(pthread_t *)to, SIGUSR1);
        nanosleep(&pause, NULL);
    }
    return NULL;
}

static void fill(real *x, int n, int step)
{
    for (int i = 0; i < n; i++)
        x[i] = (real)(i * step % 101 - 50) / 64;
}

static void products_are_right_under_a_hail_of_signals(void **state)
{
    (void)state;
    static real a[M * K], b[N * K], expected[M * N], c[M * N];
    fill(a, M * K, 37);
    fill(b, N * K, 29);
    matmul p = {.m = M, .n = N, .k = K, .a = a, .b = b, .c = expected, .b_turned = true};
    kernels_best()->matmul(1, &p);
    p.c = c;

    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    pthread_t self = pthread_self(), sender;
    sigemptyset(&action.sa_mask);
    assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
    assert_int_equal(pthread_create(&sender, NULL, send_signals, &self), 0);
    for (int i = 0; i < ROUNDS; i++) {
        /* both ways of reading A have kernels of their own */
        p.a_turned = i % 2 == 1;
        kernels_best()->matmul(1, &p);
        if (!p.a_turned)
            assert_memory_equal(c, expected, sizeof c);
        free(malloc((size_t)(1 << (i % 16)))); /* the heap is whole */
    }
    atomic_store(&enough, true);
    assert_int_equal(pthread_join(sender, NULL), 0);
    assert_int_equal(arrived, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_are_right_under_a_hail_of_signals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
