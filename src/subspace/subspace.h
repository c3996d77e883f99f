/* The map between x (d numbers, all that is trained) and the weights:
 *
 *     x[d] = [z | lambda | direct]
 *     projected tensors   theta_i = theta0_i + s_i lambda_g(i) (P z)_i
 *     direct tensors      theta_i = their part of x (which starts at theta0_i)
 *     frozen tensors      theta_i = theta0_i
 *
 * Its adjoint at fixed x, folded tensor by tensor as backward finishes them:
 *
 *     r_i = s_i P_i' g_i ;  dz += lambda_g(i) r_i ;  dlambda_g(i) += <r_i, z> ;  direct: copied
 *
 * Full fine-tuning, head only and bias only are settings of the same thing. Sources: Li et al. 2018
 * (arXiv 1804.08838), Aghajanyan et al. 2021 (arXiv 2012.13255).
 *
 * SPDX-License-Identifier: MIT */
#ifndef IDIM_SUBSPACE_SUBSPACE_H
#define IDIM_SUBSPACE_SUBSPACE_H

#include "subspace/projection.h"
#include "weights/gradient.h"
#include "weights/params.h"

typedef struct subspace subspace;

/* idim_subspace_options of the public header; checked here, a refusal names the valid choices.
 * p must outlive the subspace. */
int subspace_new(const params *p, const idim_subspace_options *options, subspace **out);
void subspace_free(subspace *s);

int64_t subspace_dim(const subspace *s);   /* d */
int64_t subspace_len_z(const subspace *s); /* x[0 .. len_z) */
int64_t subspace_n_lambda(const subspace *s);
int64_t subspace_n_direct(const subspace *s);

/* Which lambda (0 .. n_lambda) tensor i has, -1 for none; its group's name for people ("layer 3").
 */
int64_t subspace_group(const subspace *s, int64_t tensor);
const char *subspace_group_name(const subspace *s, int64_t group);

/* x at theta0. */
void subspace_origin(const subspace *s, real *x);

/* theta <- x; theta is p->theta or any vector of D numbers. */
void subspace_push(subspace *s, const real *x, real *theta);

/* Pull, in three parts: begin at x (dx is zeroed), any number of folds through the sink, end. */
void subspace_pull_begin(subspace *s, const real *x, real *dx);
const gradient_sink *subspace_sink(subspace *s);
void subspace_pull_end(subspace *s);

#endif
