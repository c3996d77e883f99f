/* L-BFGS with an exact line search, and the two passes over the features.
 *
 * SPDX-License-Identifier: MIT */
#include "measure/convex.h"

#include <math.h>
#include <string.h>

enum {
    PAIRS = 10,
    MOST_ITERATIONS = 1000,
    LINE_STEPS = 20, /* of Newton along a direction      */
    CHECK_EVERY = 5, /* iterations between two judgments */
    LANES = 8,       /* sums that a dot product runs in  */
    COLUMNS = 256    /* of one piece of F' r             */
};

/* five iterations that gain less than this share of the objective are the end */
static const double GAIN = 1e-6;
static const double LINE_ACCURACY = 1e-3; /* of the slope at the start of the line */

/* ---- the two passes ----------------------------------------------------------------------------
 */

static double row_dot(const float *f, const double *z, int64_t d)
{
    double lane[LANES] = {0}, sum = 0;
    int64_t j = 0;
    for (; j + LANES <= d; j += LANES)
        for (int k = 0; k < LANES; k++)
            lane[k] += (double)f[j + k] * z[j + k];
    for (; j < d; j++)
        sum += (double)f[j] * z[j];
    for (int k = 0; k < LANES; k++)
        sum += lane[k];
    return sum;
}

/* out = F z */
static void times(const idim *lib, const convex_data *data, int64_t d, const double *z, double *out)
{
    int64_t n = data->n * data->rows;
#pragma omp parallel for num_threads(lib->threads) schedule(static) if (lib->threads > 1)
    for (int64_t i = 0; i < n; i++)
        out[i] = row_dot(data->feature + i * data->stride, z, d);
}

/* out = F' r, columns [first, first + count) */
static void adjoint_columns(const convex_data *data, const double *r, int64_t first, int64_t count,
                            double *out)
{
    double sum[COLUMNS] = {0};
    int64_t n = data->n * data->rows;
    for (int64_t i = 0; i < n; i++) {
        const float *f = data->feature + i * data->stride + first;
        for (int64_t j = 0; j < count; j++)
            sum[j] += r[i] * (double)f[j];
    }
    memcpy(out + first, sum, (size_t)count * sizeof *out);
}

static void times_adjoint(const idim *lib, const convex_data *data, int64_t d, const double *r,
                          double *out)
{
    int64_t pieces = (d + COLUMNS - 1) / COLUMNS;
#pragma omp parallel for num_threads(lib->threads) schedule(dynamic) if (lib->threads > 1)
    for (int64_t p = 0; p < pieces; p++) {
        int64_t first = p * COLUMNS, left = d - first;
        adjoint_columns(data, r, first, left < COLUMNS ? left : COLUMNS, out);
    }
}

/* ---- losses ------------------------------------------------------------------------------------
 */

/* log(1 + e^x) and 1 / (1 + e^-x), without overflow */
static double softplus(double x)
{
    return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

static double sigmoid(double x)
{
    return x > 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x));
}

/* log of the sum of exponentials of K logits; their probabilities go to p unless it is NULL */
static double softmax(const double *u, int64_t K, double *p)
{
    double top = u[0], sum = 0;
    for (int64_t k = 1; k < K; k++)
        top = u[k] > top ? u[k] : top;
    for (int64_t k = 0; k < K; k++)
        sum += exp(u[k] - top);
    for (int64_t k = 0; p != NULL && k < K; k++)
        p[k] = exp(u[k] - top) / sum;
    return top + log(sum);
}

static double example_loss(const convex_data *data, const double *u, float label)
{
    double y = (double)label;
    switch (data->loss) {
    case CONVEX_LOGISTIC:
        return softplus(u[0]) - y * u[0];
    case CONVEX_SQUARED:
        return (u[0] - y) * (u[0] - y);
    case CONVEX_SOFTMAX:
        break;
    }
    return softmax(u, data->rows, NULL) - u[(int64_t)label];
}

/* d loss / d u [rows] of one example */
static void example_slopes(const convex_data *data, const double *u, float label, double *r)
{
    switch (data->loss) {
    case CONVEX_LOGISTIC:
        r[0] = sigmoid(u[0]) - (double)label;
        return;
    case CONVEX_SQUARED:
        r[0] = 2 * (u[0] - (double)label);
        return;
    case CONVEX_SOFTMAX:
        break;
    }
    softmax(u, data->rows, r);
    r[(int64_t)label] -= 1;
}

/* first and second slope of one example's loss at u along v; u and r [rows] as above */
static void example_curve(const convex_data *data, const double *u, const double *v, float label,
                          double *r, double *first, double *second)
{
    example_slopes(data, u, label, r);
    if (data->loss != CONVEX_SOFTMAX) {
        double p = r[0] + (double)label;
        *first = r[0] * v[0];
        *second = (data->loss == CONVEX_LOGISTIC ? p * (1 - p) : 2) * v[0] * v[0];
        return;
    }
    double mean = 0, squares = 0;
    *first = 0;
    for (int64_t k = 0; k < data->rows; k++) {
        double p = r[k] + (k == (int64_t)label);
        *first += r[k] * v[k];
        mean += p * v[k];
        squares += p * v[k] * v[k];
    }
    *second = squares - mean * mean;
}

double convex_loss_of(const convex_data *data, const double *u)
{
    double sum = 0;
    for (int64_t i = 0; i < data->n; i++)
        sum += example_loss(data, u + i * data->rows, data->label[i]);
    return sum / (double)data->n;
}

void convex_outputs(const idim *lib, const convex_data *data, int64_t d, const double *z, double *u)
{
    times(lib, data, d, z, u);
    for (int64_t i = 0; i < data->n * data->rows; i++)
        u[i] += data->offset[i];
}

/* ---- the search --------------------------------------------------------------------------------
 */

static double dot(const double *a, const double *b, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

typedef struct pair {
    double *s, *y; /* [d] steps of z and of the gradient */
    double product;
} pair;

typedef struct fitting {
    idim *lib;
    const convex_data *data;
    int64_t d;
    double ridge, *z;
    double *block;      /* all of the room below                       */
    double *u, *v, *r;  /* [n][rows] outputs, F p, slopes              */
    double *gradient;   /* [d]                                         */
    double *before, *p; /* [d] the gradient before, the direction      */
    double *along;      /* [rows] outputs of one example along a line  */
    pair pairs[PAIRS];  /* newest at (n_pairs - 1) % PAIRS             */
    int64_t n_pairs;    /* made so far                                 */
    double loss, objective;
} fitting;

static int fitting_room(fitting *f)
{
    int64_t outputs = f->data->n * f->data->rows;
    double **of_outputs[] = {&f->u, &f->v, &f->r};
    double **of_d[] = {&f->gradient, &f->before, &f->p};
    int64_t room = 3 * outputs + (3 + 2 * PAIRS) * f->d + f->data->rows;
    TRY(NEW(f->lib, double, room, "fit", &f->block));
    double *at = f->block;
    for (int i = 0; i < 3; i++, at += outputs)
        *of_outputs[i] = at;
    for (int i = 0; i < 3; i++, at += f->d)
        *of_d[i] = at;
    for (int i = 0; i < PAIRS; i++, at += 2 * f->d) {
        f->pairs[i].s = at;
        f->pairs[i].y = at + f->d;
    }
    f->along = at;
    return 0;
}

/* loss, objective and gradient from u and z */
static void judge(fitting *f)
{
    const convex_data *data = f->data;
    for (int64_t i = 0; i < data->n; i++)
        example_slopes(data, f->u + i * data->rows, data->label[i], f->r + i * data->rows);
    for (int64_t i = 0; i < data->n * data->rows; i++)
        f->r[i] /= (double)data->n;
    times_adjoint(f->lib, data, f->d, f->r, f->gradient);
    for (int64_t j = 0; j < f->d; j++)
        f->gradient[j] += f->ridge * f->z[j];
    f->loss = convex_loss_of(data, f->u);
    f->objective = f->loss + f->ridge / 2 * dot(f->z, f->z, f->d);
}

/* p = - H g by the two loops */
static void choose_direction(fitting *f)
{
    double a[PAIRS];
    int64_t kept = f->n_pairs < PAIRS ? f->n_pairs : PAIRS;
    for (int64_t j = 0; j < f->d; j++)
        f->p[j] = -f->gradient[j];
    for (int64_t k = 1; k <= kept; k++) {
        const pair *q = &f->pairs[(f->n_pairs - k) % PAIRS];
        a[k - 1] = dot(q->s, f->p, f->d) / q->product;
        for (int64_t j = 0; j < f->d; j++)
            f->p[j] -= a[k - 1] * q->y[j];
    }
    if (kept > 0) {
        const pair *newest = &f->pairs[(f->n_pairs - 1) % PAIRS];
        double scale = newest->product / dot(newest->y, newest->y, f->d);
        for (int64_t j = 0; j < f->d; j++)
            f->p[j] *= scale;
    }
    for (int64_t k = kept; k >= 1; k--) {
        const pair *q = &f->pairs[(f->n_pairs - k) % PAIRS];
        double b = dot(q->y, f->p, f->d) / q->product;
        for (int64_t j = 0; j < f->d; j++)
            f->p[j] += (a[k - 1] - b) * q->s[j];
    }
}

/* first and second slope of the objective at z + t p */
static void curve_at(fitting *f, double t, double zp, double pp, double *first, double *second)
{
    const convex_data *data = f->data;
    double sum_first = 0, sum_second = 0;
    for (int64_t i = 0; i < data->n; i++) {
        const double *u = f->u + i * data->rows, *v = f->v + i * data->rows;
        double one, two;
        for (int64_t k = 0; k < data->rows; k++)
            f->along[k] = u[k] + t * v[k];
        example_curve(data, f->along, v, data->label[i], f->r, &one, &two);
        sum_first += one;
        sum_second += two;
    }
    *first = sum_first / (double)data->n + f->ridge * (zp + t * pp);
    *second = sum_second / (double)data->n + f->ridge * pp;
}

/* The t where the slope along p vanishes: Newton, kept between a t that is too small and one that
 * is too large. 0 when p leads nowhere. */
static double search_line(fitting *f)
{
    double zp = dot(f->z, f->p, f->d), pp = dot(f->p, f->p, f->d);
    double low = 0, high = INFINITY, t = 0, begun = 0;
    times(f->lib, f->data, f->d, f->p, f->v);
    for (int i = 0; i < LINE_STEPS; i++) {
        double first, second;
        curve_at(f, t, zp, pp, &first, &second);
        if (i == 0)
            begun = first;
        if (!(begun < 0) || fabs(first) <= LINE_ACCURACY * -begun)
            break;
        if (first < 0)
            low = t;
        else
            high = t;
        double next = t - first / second;
        if (!(next > low && next < high))
            next = isfinite(high) ? (low + high) / 2 : 2 * t + 1;
        t = next;
    }
    return begun < 0 ? t : 0;
}

/* z, u and the gradient after t p; keeps the pair when it says something */
static void move(fitting *f, double t)
{
    pair *q = &f->pairs[f->n_pairs % PAIRS];
    memcpy(f->before, f->gradient, (size_t)f->d * sizeof *f->before);
    for (int64_t j = 0; j < f->d; j++)
        f->z[j] += t * f->p[j];
    for (int64_t i = 0; i < f->data->n * f->data->rows; i++)
        f->u[i] += t * f->v[i];
    judge(f);
    for (int64_t j = 0; j < f->d; j++) {
        q->s[j] = t * f->p[j];
        q->y[j] = f->gradient[j] - f->before[j];
    }
    q->product = dot(q->s, q->y, f->d);
    if (q->product > 0)
        f->n_pairs++;
}

static void minimise(fitting *f, convex_report *out)
{
    *out = (convex_report){.converged = false};
    convex_outputs(f->lib, f->data, f->d, f->z, f->u);
    judge(f);
    double judged = f->objective;
    while (out->iterations < MOST_ITERATIONS && !out->converged) {
        choose_direction(f);
        double t = search_line(f);
        if (t > 0)
            move(f, t);
        out->iterations++;
        if (t <= 0 || out->iterations % CHECK_EVERY == 0) {
            out->converged = t <= 0 || judged - f->objective <= GAIN * judged;
            judged = f->objective;
        }
    }
    out->loss = f->loss;
}

int convex_fit(idim *lib, const convex_data *data, int64_t d, double ridge, double *z,
               convex_report *out)
{
    fitting f = {.lib = lib, .data = data, .d = d, .ridge = ridge, .z = z};
    TRY(fitting_room(&f));
    minimise(&f, out);
    memory_free(lib, f.block);
    if (!isfinite(out->loss))
        return fail(lib, IDIM_ENOTFINITE, "linearised model: expected a finite loss, found %g",
                    out->loss);
    return 0;
}
