/* CPU kernels of decoders: root-mean-square normalisation, and rotary positions.
 *
 * SPDX-License-Identifier: MIT */
#include "kernel/cpu_lanes.h"

/* ---- root-mean-square normalisation -----------------------------------------------------------
 */

static void cpu_rmsnorm(int threads, const rmsnorm_shape *s, real *out)
{
    const int64_t H = s->cols;
#pragma omp parallel for num_threads(threads) schedule(static) if (s->rows > FEW)
    for (int64_t i = 0; i < s->rows; i++) {
        const real *x = s->x + i * H;
        real *y = out + i * H, squares = 0;
#pragma omp simd reduction(+ : squares)
        for (int64_t j = 0; j < H; j++)
            squares += x[j] * x[j];
        real rstd = (real)(1 / sqrt((double)(squares / (real)H) + s->eps));
        for (int64_t j = 0; j < H; j++)
            y[j] = x[j] * rstd * s->weight[j];
        s->rstd[i] = rstd;
    }
}

/* g = dy weight;  dx = rstd (g - xhat mean(g xhat)) */
static void rmsnorm_row(const rmsnorm_shape *s, int64_t i, const real *dy, bool add, real *dx)
{
    const int64_t H = s->cols;
    const real *x = s->x + i * H, *w = s->weight;
    const real rstd = s->rstd[i];
    real along = 0;
#pragma omp simd reduction(+ : along)
    for (int64_t j = 0; j < H; j++)
        along += dy[j] * w[j] * x[j];
    along *= rstd * rstd / (real)H;
    for (int64_t j = 0; j < H; j++) {
        real d = rstd * (dy[j] * w[j] - x[j] * along);
        dx[j] = add ? dx[j] + d : d;
    }
}

static void cpu_rmsnorm_backward(int threads, const rmsnorm_shape *s, const real *dy, bool add,
                                 real *dx, real *partial)
{
    const int64_t H = s->cols;
#pragma omp parallel for num_threads(threads) schedule(static) if (s->rows > FEW)
    for (int64_t piece = 0; piece < partials(s->rows); piece++) {
        int64_t first = piece * PARTIAL_ROWS;
        int64_t end = s->rows - first < PARTIAL_ROWS ? s->rows : first + PARTIAL_ROWS;
        real *dw = partial != NULL ? partial + piece * H : NULL;
        for (int64_t j = 0; dw != NULL && j < H; j++)
            dw[j] = 0;
        for (int64_t i = first; i < end; i++) {
            for (int64_t j = 0; dw != NULL && j < H; j++)
                dw[j] += dy[i * H + j] * s->x[i * H + j] * s->rstd[i];
            if (dx != NULL)
                rmsnorm_row(s, i, dy + i * H, add, dx + i * H);
        }
    }
}

/* ---- rotary positions -------------------------------------------------------------------------
 */

static void cpu_angles(int threads, int64_t rows, int64_t half, const double *frequency, real *out)
{
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < half; j++) {
            out[2 * i * half + j] = (real)cos((double)i * frequency[j]);
            out[(2 * i + 1) * half + j] = (real)sin((double)i * frequency[j]);
        }
}

/* one sequence: column j and j + half of each head turn by the angle of the row's place */
static void rotate_sequence(const rotary_shape *s, int64_t sequence, const real *x, bool back,
                            bool add, real *y)
{
    const int64_t half = s->cols / s->heads / 2;
    for (int64_t i = s->start[sequence]; i < s->start[sequence + 1]; i++) {
        const real *c = s->angles + 2 * half * (i - s->start[sequence]), *sine = c + half;
        for (int64_t h = 0; h < s->heads; h++) {
            const real *a = x + i * s->cols + 2 * half * h, *b = a + half;
            real *u = y + i * s->cols + 2 * half * h, *v = u + half;
            for (int64_t j = 0; j < half; j++) {
                real turn = back ? -sine[j] : sine[j];
                real left = a[j] * c[j] - b[j] * turn, right = b[j] * c[j] + a[j] * turn;
                u[j] = add ? u[j] + left : left;
                v[j] = add ? v[j] + right : right;
            }
        }
    }
}

static void cpu_rotate(int threads, const rotary_shape *s, const real *x, bool back, bool add,
                       real *y)
{
#pragma omp parallel for num_threads(threads) schedule(dynamic)
    for (int64_t i = 0; i < s->n; i++)
        rotate_sequence(s, i, x, back, add, y);
}
