/* Study folders for tests, as a study of a model would leave them: score curves that rise with
 * log d, seed noise, a few collapsed runs, records and logs.
 *
 *     study_cell_plan cells[] = {{.model = "models/small", .task = "reviews", .method = "said",
 *                                 .parameters = 22713986, .d90 = 170}};
 *     study_folder_write("folder", cells, 1);
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_TESTS_STUDY_FOLDER_H
#define IDIM_TESTS_STUDY_FOLDER_H

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef struct study_cell_plan {
    const char *model, *task, *method, *variation; /* as JSON strings without quotes */
    const char *status;                            /* NULL: ok                        */
    long long parameters, checkpoint;
    double d90; /* the true one      */
    double full, majority;
    int linearised;
    int coded;             /* the runs left coded adapters with a bound */
    const char *metric;    /* NULL: accuracy */
    double majority_error; /* of the records; 0: 1 - majority, below 0: they have none */
} study_cell_plan;

typedef struct study_writer {
    FILE *out;
    const char *folder;
    uint64_t state; /* of a small generator: tests need no more */
    unsigned n_runs;
    const study_cell_plan *plan;
} study_writer;

static inline double study_uniform(study_writer *w)
{
    w->state = w->state * 6364136223846793005u + 1442695040888963407u;
    return (double)(w->state >> 11) / 9007199254740992.0;
}

static inline double study_noise(study_writer *w)
{
    double sum = 0;
    for (int i = 0; i < 12; i++)
        sum += study_uniform(w);
    return sum - 6;
}

static inline FILE *study_open(const char *folder, const char *name)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "wb");
    if (f == NULL)
        abort();
    return f;
}

static inline const char *study_metric(const study_cell_plan *p)
{
    return p->metric != NULL ? p->metric : "accuracy";
}

/* "coding" and "bound" of a record */
static inline void study_coding_write(FILE *f, const study_cell_plan *p, double dim, double score)
{
    double error = fmin(1, 1 - score), bound = fmin(1, error + 0.004 * sqrt(dim));
    double majority = p->majority_error != 0 ? p->majority_error : 1 - p->majority;
    fprintf(f,
            ",\"coding\":{\"bytes\":%.0f,\"uncoded\":{\"dev\":{\"%s\":%.6f}}},"
            "\"bound\":{\"bits\":%.0f,\"train_error\":%.6f,\"bound\":%.6f,",
            70 + dim, study_metric(p), score + 0.004, 8 * dim + 200, 0.95 * error, bound);
    if (majority >= 0)
        fprintf(f, "\"baselines\":{\"majority\":{\"error\":%.6f,\"beaten\":%s}},", majority,
                bound < majority ? "true" : "false");
    fprintf(f, "\"held_out\":{\"dev\":{\"error\":%.6f}}}", error);
}

/* score of the noiseless curve: 90 % of full at d90 */
static inline double study_truth(const study_cell_plan *p, double dim)
{
    double share = (0.9 * p->full - p->majority) / (p->full - p->majority);
    double shift = log(share / (1 - share)), rise = 1.4 * log(dim / p->d90) + shift;
    return p->majority + (p->full - p->majority) / (1 + exp(-rise));
}

static inline void study_log(const char *folder, double end, double seed)
{
    FILE *f = study_open(folder, "log.jsonl");
    for (int step = 1; step <= 90; step++) {
        double loss = end + (0.69 - end) * exp(-step / 25.0) + 0.06 * sin(step * (1.7 + seed));
        fprintf(f,
                "{\"step\":%d,\"epoch\":%.4f,\"loss\":%.6f,\"learning_rate\":%.6g,"
                "\"grad_norm\":0.5}\n",
                step, step / 90.0, loss, 0.01 * (1 - step / 90.0));
    }
    fclose(f);
}

/* one run: its folder, and its name into `name` */
static inline void study_run_write(study_writer *w, const char *method, double dim, double score,
                                   char name[20])
{
    char folder[512];
    const study_cell_plan *p = w->plan;
    snprintf(name, 20, "%08x%08x", w->n_runs * 2654435761u, w->n_runs);
    w->n_runs++;
    snprintf(folder, sizeof folder, "%s/runs/%s", w->folder, name);
    mkdir(folder, 0777);
    FILE *f = study_open(folder, "record.json");
    fprintf(f,
            "{\"schema\":\"idim.run/1\",\"version\":\"0.1.0\",\"model\":{\"path\":\"%s\","
            "\"parameters\":%lld},\"settings\":{\"learning_rate\":0.01},\"run\":\"%s\","
            "\"method\":\"%s\",\"dim\":%.0f,\"seed\":%d,\"steps\":90,\"seconds\":12.5,"
            "\"metric\":\"%s\",\"eval\":{\"dev\":{\"%s\":%.6f,\"loss\":0.4,\"n\":1173},"
            "\"train\":{\"%s\":%.6f,\"loss\":0.3,\"n\":1000}},\"adapter\":{\"path\":\"a\","
            "\"bytes\":%.0f}",
            p->model, p->parameters, name, method, dim, 42 + (int)(w->n_runs % 3), study_metric(p),
            study_metric(p), score, study_metric(p),
            score + 0.25 * (1 - score) + 0.02 * study_uniform(w),
            p->coded ? 70 + dim : 500 + 4 * dim);
    if (p->coded)
        study_coding_write(f, p, dim, score);
    fputs("}", f);
    fclose(f);
    study_log(folder, 0.69 - 1.2 * (score - 0.5), study_uniform(w));
}

static inline void study_level_write(study_writer *w, const char *key, const char *method,
                                     double score, double dim)
{
    char name[2][20];
    for (int i = 0; i < 2; i++)
        study_run_write(w, method, dim, score + 0.004 * (2 * i - 1), name[i]);
    fprintf(w->out,
            "\"%s\":{\"score\":%.5f,\"low\":%.5f,\"high\":%.5f,\"runs\":2,\"learning_rate\":5e-05,"
            "\"names\":[\"%s\",\"%s\"]},",
            key, score, score - 0.008, score + 0.008, name[0], name[1]);
}

static inline void study_points_write(study_writer *w)
{
    static const double dims[] = {10, 32, 100, 178, 316, 1000, 3162, 10000};
    const study_cell_plan *p = w->plan;
    fputs("\"points\":[", w->out);
    for (int i = 0; i < 8; i++) {
        double score[3], sum = 0;
        char name[3][20];
        int collapsed = i == 3;
        for (int k = 0; k < 3; k++) {
            score[k] = study_truth(p, dims[i]) + 0.012 * study_noise(w);
            if (collapsed && k == 0)
                score[k] = p->majority;
            sum += k == 0 && collapsed ? 0 : score[k];
            study_run_write(w, p->method, dims[i], score[k], name[k]);
        }
        double mean = sum / (3 - collapsed);
        fprintf(w->out,
                "%s{\"dim\":%.0f,\"score\":%.5f,\"low\":%.5f,\"high\":%.5f,\"runs\":3,"
                "\"collapsed\":%d,\"names\":[\"%s\",\"%s\",\"%s\"],\"scores\":[%.5f,%.5f,%.5f]}",
                i > 0 ? "," : "", dims[i], mean, mean - 0.02, mean + 0.02, collapsed, name[0],
                name[1], name[2], score[0], score[1], score[2]);
    }
    fputs("],\"fit\":[", w->out);
    for (int i = 0; i <= 40; i++) {
        double dim = pow(10, 1 + 3 * i / 40.0), score = study_truth(p, dim);
        fprintf(w->out, "%s{\"dim\":%.2f,\"score\":%.5f,\"low\":%.5f,\"high\":%.5f}",
                i > 0 ? "," : "", dim, score, score - 0.012, score + 0.012);
    }
    fputs("],\"linearised\":", w->out);
    if (!p->linearised) {
        fputs("null,", w->out);
        return;
    }
    fputs("{\"points\":[", w->out);
    for (int i = 0; i < 8; i++)
        fprintf(w->out, "%s{\"dim\":%.0f,\"score\":%.5f}", i > 0 ? "," : "", dims[i],
                study_truth(p, dims[i] * 0.7) - 0.01);
    fprintf(w->out, "],\"d90\":%.1f,\"seconds\":75},", p->d90 * 1.6);
}

static inline void study_cell_write(study_writer *w, int number)
{
    const study_cell_plan *p = w->plan;
    double target = 0.9 * p->full, corrected = p->majority + 0.9 * (p->full - p->majority);
    const char *status = p->status != NULL ? p->status : "ok";
    int ok = strcmp(status, "ok") == 0;
    fprintf(
        w->out,
        "{\"key\":\"%016x\",\"model\":\"%s\",\"task\":\"%s\",\"method\":\"%s\","
        "\"variation\":\"%s\",\"status\":\"%s\",\"reason\":\"%s\",\"metric\":\"%s\","
        "\"n_train\":8000,\"n_dev\":1173,\"parameters\":%lld,\"architecture\":\"bert\","
        "\"fingerprint\":\"be1a04f7aac62f08d041\",\"settings\":{\"train\":\"reviews/train.tsv\","
        "\"dev\":\"reviews/dev.tsv\",\"text\":\"sentence\",\"label\":\"label\","
        "\"max_seq_length\":128,\"num_train_epochs\":1,\"projection\":\"fastfood\"},"
        "\"search\":{\"preset\":\"quick\",\"low\":10,\"high\":100000,\"threshold\":0.9,"
        "\"budget\":null,\"seeds\":3},\"majority\":%.5f,",
        number, p->model, p->task, p->method, p->variation, status,
        ok ? "" : "a reason for the tests", study_metric(p), p->parameters, p->majority);
    study_level_write(w, "full", "full", p->full, 0);
    study_level_write(w, "head", "head", p->majority + 0.5 * (p->full - p->majority), 0);
    study_level_write(w, "bias", "bias", p->majority + 0.8 * (p->full - p->majority), 0);
    study_points_write(w);
    fprintf(w->out, "\"target\":%.5f,", target);
    if (ok)
        fprintf(w->out, "\"d90\":%.2f,\"low\":%.2f,\"high\":%.2f,", p->d90, p->d90 / 1.4,
                p->d90 * 1.5);
    else
        fputs("\"d90\":null,\"low\":null,\"high\":null,", w->out);
    fprintf(w->out,
            "\"runs\":30,\"steps\":2700,\"seconds\":375,\"corrected\":{\"status\":\"%s\","
            "\"reason\":\"\",\"target\":%.5f,",
            ok ? "ok" : "not_reached", corrected);
    if (ok)
        fprintf(w->out, "\"d90\":%.2f,\"low\":%.2f,\"high\":%.2f},", p->d90 * 4, p->d90 * 3,
                p->d90 * 5.5);
    else
        fputs("\"d90\":null,\"low\":null,\"high\":null},", w->out);
    if (p->checkpoint > 0)
        fprintf(w->out, "\"checkpoint_step\":%lld}", p->checkpoint);
    else
        fputs("\"checkpoint_step\":null}", w->out);
}

static inline void study_folder_write(const char *folder, const study_cell_plan *plan, int n)
{
    char path[512];
    study_writer w = {.folder = folder, .state = 7};
    mkdir(folder, 0777);
    snprintf(path, sizeof path, "%s/runs", folder);
    mkdir(path, 0777);
    w.out = study_open(folder, "measure.json");
    fprintf(w.out,
            "{\"schema\":\"idim.measure/1\",\"version\":\"0.1.0\",\"complete\":true,"
            "\"runs_done\":%d,\"cells\":[",
            30 * n);
    for (int i = 0; i < n; i++) {
        w.plan = &plan[i];
        fputs(i > 0 ? "," : "", w.out);
        study_cell_write(&w, i);
    }
    fputs("]}\n", w.out);
    fclose(w.out);
}

#endif
