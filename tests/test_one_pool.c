/* One thread pool: our OpenMP regions and those inside oneDNN use the same threads, whichever
 * compiler built us. A clang build runs on libomp while oneDNN is linked to libgomp; libomp offers
 * libgomp's functions under the same versioned names and stands before it in the search order, so
 * libgomp is mapped but starts no thread. Two pools would show as more threads than were asked for.
 *
 * SPDX-License-Identifier: MIT */
#include "check.h"

#include <dirent.h>
#include <omp.h>
#include <unistd.h>

#ifdef IDIM_GEMM_DNNL
#include <oneapi/dnnl/dnnl.h>

enum { N = 512, THREADS = 3 };

static int threads_of_this_process(void)
{
    int n = 0;
    DIR *folder = opendir("/proc/self/task");
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        n += entry->d_name[0] != '.';
    closedir(folder);
    return n;
}

static void multiply(const float *a, float *c)
{
    dnnl_sgemm('N', 'N', N, N, N, 1, a, N, a, N, 0, c, N);
}

static void onednn_uses_the_threads_we_have(void **state)
{
    (void)state;
    float *a = calloc((size_t)N * N, sizeof *a);
    float *c = calloc((size_t)N * N * THREADS, sizeof *c);
    assert_true(a != NULL && c != NULL);
    omp_set_num_threads(THREADS);
    int before = threads_of_this_process();
    assert_int_equal(before, 1);

    multiply(a, c);
    int inside = 0;
#pragma omp parallel num_threads(THREADS) reduction(+ : inside)
    {
        multiply(a, c + (ptrdiff_t)N * N * omp_get_thread_num());
        inside++;
    }
    multiply(a, c);
    assert_int_equal(inside, THREADS);
    assert_int_equal(threads_of_this_process(), THREADS);
    free(a);
    free(c);
}

int main(void)
{
    if (access("/proc/self/task", R_OK) != 0) {
        puts("SKIPPED: there is no /proc to count threads in");
        return 77;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(onednn_uses_the_threads_we_have)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#else
int main(void)
{
    puts("SKIPPED: built without oneDNN");
    return 77;
}
#endif
