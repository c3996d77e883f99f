/* CPU kernels row by row: embedding rows, layer normalisation, sums of columns, pooling, losses.
 * Sums over rows are made in pieces of PARTIAL_ROWS and the pieces added in order.
 *
 * SPDX-License-Identifier: MIT */
#include "kernel/cpu_lanes.h"

enum { COLUMNS = 128 /* of a piece of a sum over rows */, FEW = 64 /* rows: not worth threads */ };

/* ---- embedding rows -------------------------------------------------------------------------- */

static void cpu_gather(int threads, int n_tables, const lookup_table *table, int64_t rows,
                       int64_t cols, real *out)
{
#pragma omp parallel for num_threads(threads) schedule(static) if (rows > FEW)
    for (int64_t i = 0; i < rows; i++) {
        real *y = out + i * cols;
        memcpy(y, table[0].value + table[0].row[i] * cols, (size_t)cols * sizeof *y);
        for (int k = 1; k < n_tables; k++) {
            const real *x = table[k].value + table[k].row[i] * cols;
            for (int64_t j = 0; j < cols; j++)
                y[j] += x[j];
        }
    }
}

static void cpu_gather_sums(int threads, int64_t n, int64_t cols, const int32_t *start,
                            const int32_t *row, const real *x, real *out)
{
    int64_t across = (cols + COLUMNS - 1) / COLUMNS;
#pragma omp parallel for num_threads(threads) schedule(dynamic, 8)
    for (int64_t task = 0; task < n * across; task++) {
        int64_t i = task / across, first = task % across * COLUMNS;
        int64_t width = cols - first < COLUMNS ? cols - first : COLUMNS;
        real *y = out + i * cols + first;
        for (int64_t c = 0; c < width; c++)
            y[c] = 0;
        for (int64_t j = start[i]; j < start[i + 1]; j += PARTIAL_ROWS) {
            real sum[COLUMNS] = {0};
            int64_t end = start[i + 1] - j < PARTIAL_ROWS ? start[i + 1] : j + PARTIAL_ROWS;
            for (int64_t r = j; r < end; r++)
                for (int64_t c = 0; c < width; c++)
                    sum[c] += x[row[r] * cols + first + c];
            for (int64_t c = 0; c < width; c++)
                y[c] += sum[c];
        }
    }
}

/* ---- sums over rows -------------------------------------------------------------------------- */

static void cpu_sum_partials(int threads, int64_t n, int64_t cols, const real *x, real *out)
{
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t first = 0; first < cols; first += COLUMNS) {
        int64_t end = cols - first < COLUMNS ? cols : first + COLUMNS;
        for (int64_t j = first; j < end; j++)
            out[j] = 0;
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = first; j < end; j++)
                out[j] += x[i * cols + j];
    }
}

static void cpu_column_sums(int threads, int64_t rows, int64_t cols, const real *x, real *partial,
                            real *out)
{
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t piece = 0; piece < partials(rows); piece++) {
        int64_t first = piece * PARTIAL_ROWS;
        int64_t end = rows - first < PARTIAL_ROWS ? rows : first + PARTIAL_ROWS;
        for (int64_t left = 0; left < cols; left += COLUMNS) {
            double sum[COLUMNS] = {0};
            int64_t width = cols - left < COLUMNS ? cols - left : COLUMNS;
            for (int64_t i = first; i < end; i++)
                for (int64_t j = 0; j < width; j++)
                    sum[j] += (double)x[i * cols + left + j];
            for (int64_t j = 0; j < width; j++)
                partial[piece * cols + left + j] = (real)sum[j];
        }
    }
    cpu_sum_partials(threads, partials(rows), cols, partial, out);
}

/* ---- layer normalisation --------------------------------------------------------------------- */

static void cpu_layernorm(int threads, const layernorm_shape *s, real *out)
{
    const int64_t H = s->cols;
#pragma omp parallel for num_threads(threads) schedule(static) if (s->rows > FEW)
    for (int64_t i = 0; i < s->rows; i++) {
        const real *x = s->x + i * H;
        real *y = out + i * H;
        real sum = 0, squares = 0;
#pragma omp simd reduction(+ : sum)
        for (int64_t j = 0; j < H; j++)
            sum += x[j];
        real mean = sum / (real)H;
#pragma omp simd reduction(+ : squares)
        for (int64_t j = 0; j < H; j++)
            squares += (x[j] - mean) * (x[j] - mean);
        real rstd = (real)(1 / sqrt((double)(squares / (real)H) + s->eps));
        for (int64_t j = 0; j < H; j++)
            y[j] = (x[j] - mean) * rstd * s->weight[j] + s->bias[j];
        s->mean[i] = mean;
        s->rstd[i] = rstd;
    }
}

/* g = dy weight;  dx = rstd (g - mean(g) - xhat mean(g xhat)) */
static void layernorm_row(const layernorm_shape *s, int64_t i, const real *dy, bool add, real *dx)
{
    const int64_t H = s->cols;
    const real *x = s->x + i * H, *w = s->weight;
    const real mean = s->mean[i], rstd = s->rstd[i];
    real sum = 0, along = 0;
#pragma omp simd reduction(+ : sum, along)
    for (int64_t j = 0; j < H; j++) {
        real g = dy[j] * w[j];
        sum += g;
        along += g * (x[j] - mean);
    }
    sum /= (real)H;
    along *= rstd * rstd / (real)H;
    for (int64_t j = 0; j < H; j++) {
        real d = rstd * (dy[j] * w[j] - sum - (x[j] - mean) * along);
        dx[j] = add ? dx[j] + d : d;
    }
}

static void cpu_layernorm_backward(int threads, const layernorm_shape *s, const real *dy, bool add,
                                   real *dx, real *partial)
{
    const int64_t H = s->cols;
#pragma omp parallel for num_threads(threads) schedule(static) if (s->rows > FEW)
    for (int64_t piece = 0; piece < partials(s->rows); piece++) {
        int64_t first = piece * PARTIAL_ROWS;
        int64_t end = s->rows - first < PARTIAL_ROWS ? s->rows : first + PARTIAL_ROWS;
        if (partial != NULL)
            memset(partial + piece * 2 * H, 0, (size_t)(2 * H) * sizeof *partial);
        for (int64_t i = first; i < end; i++) {
            const real *x = s->x + i * H, *g = dy + i * H;
            if (partial != NULL) {
                real *dw = partial + piece * 2 * H, *db = dw + H;
                for (int64_t j = 0; j < H; j++) {
                    dw[j] += g[j] * (x[j] - s->mean[i]) * s->rstd[i];
                    db[j] += g[j];
                }
            }
            if (dx != NULL)
                layernorm_row(s, i, g, add, dx + i * H);
        }
    }
}

/* ---- pooling --------------------------------------------------------------------------------- */

/* the row that is pooled; -1: all of them are */
INLINE int64_t pooled_row(const pool_shape *s, int64_t i)
{
    switch (s->kind) {
    case POOL_FIRST:
        return s->start[i];
    case POOL_LAST:
        return s->start[i + 1] - 1;
    case POOL_ROW:
        return s->row[i];
    case POOL_MEAN:
        break;
    }
    return -1;
}

static void cpu_pool(int threads, const pool_shape *s, const real *x, real *y)
{
    const int64_t H = s->cols;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t i = 0; i < s->n; i++) {
        int64_t only = pooled_row(s, i), first = only < 0 ? s->start[i] : only;
        int64_t end = only < 0 ? s->start[i + 1] : first + 1;
        real *out = y + i * H;
        memcpy(out, x + first * H, (size_t)H * sizeof *out);
        for (int64_t r = first + 1; r < end; r++)
            for (int64_t j = 0; j < H; j++)
                out[j] += x[r * H + j];
        for (int64_t j = 0; j < H && only < 0; j++)
            out[j] /= (real)(end - first);
    }
}

static void cpu_pool_backward(int threads, const pool_shape *s, const real *dy, bool add, real *dx)
{
    const int64_t H = s->cols;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t i = 0; i < s->n; i++) {
        int64_t only = pooled_row(s, i);
        for (int64_t r = s->start[i]; r < s->start[i + 1]; r++) {
            real share = only < 0 ? 1 / (real)(s->start[i + 1] - s->start[i]) : only == r ? 1 : 0;
            for (int64_t j = 0; j < H; j++)
                dx[r * H + j] = (add ? dx[r * H + j] : 0) + share * dy[i * H + j];
        }
    }
}

/* ---- losses: small, in double, on one thread --------------------------------------------------
 */

static double row_log_sum(int64_t n, const real *x)
{
    double top = (double)x[0], sum = 0;
    for (int64_t j = 1; j < n; j++)
        top = (double)x[j] > top ? (double)x[j] : top;
    for (int64_t j = 0; j < n; j++)
        sum += exp((double)x[j] - top);
    return top + log(sum);
}

static void cpu_loss(loss_kind kind, int64_t rows, int64_t cols, const real *x, const float *label,
                     real *loss)
{
    double sum = 0;
    for (int64_t i = 0; i < rows; i++) {
        const real *z = x + i * cols;
        if (kind == LOSS_CROSS_ENTROPY) {
            sum += row_log_sum(cols, z) - (double)z[(int64_t)label[i]];
            continue;
        }
        for (int64_t j = 0; j < cols; j++) {
            double v = (double)z[j], y = (double)label[i * cols + j];
            /* log(1 + e^v) - v y, from the side where nothing overflows */
            sum += kind == LOSS_SQUARED ? (v - y) * (v - y)
                                        : (v > 0 ? v : 0) + log1p(exp(-fabs(v))) - v * y;
        }
    }
    *loss = (real)(sum / (double)(kind == LOSS_CROSS_ENTROPY ? rows : rows * cols));
}

static double loss_slope(loss_kind kind, const real *z, const float *label, int64_t j,
                         double log_sum)
{
    double v = (double)z[j];
    if (kind == LOSS_CROSS_ENTROPY)
        return exp(v - log_sum) - (j == (int64_t)label[0] ? 1 : 0);
    if (kind == LOSS_SQUARED)
        return 2 * (v - (double)label[j]);
    return 1 / (1 + exp(-v)) - (double)label[j];
}

static void cpu_loss_backward(loss_kind kind, int64_t rows, int64_t cols, const real *x,
                              const float *label, const real *dloss, bool add, real *dx)
{
    bool classes = kind == LOSS_CROSS_ENTROPY;
    double share = (double)*dloss / (double)(classes ? rows : rows * cols);
    for (int64_t i = 0; i < rows; i++) {
        const real *z = x + i * cols;
        const float *y = label + (classes ? i : i * cols);
        double log_sum = classes ? row_log_sum(cols, z) : 0;
        for (int64_t j = 0; j < cols; j++) {
            double d = share * loss_slope(kind, z, y, j, log_sum);
            dx[i * cols + j] = (real)((add ? (double)dx[i * cols + j] : 0) + d);
        }
    }
}
