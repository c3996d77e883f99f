/* SHA-256 through libcrypto's EVP interface.
 *
 * SPDX-License-Identifier: MIT */
#include "base/hash.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

struct hasher {
    EVP_MD_CTX *context;
};

int hash_begin(idim *lib, hasher **out)
{
    TRY(NEW(lib, hasher, 1, "hash", out));
    (*out)->context = EVP_MD_CTX_new();
    if ((*out)->context != NULL && EVP_DigestInit_ex((*out)->context, EVP_sha256(), NULL) == 1)
        return 0;
    EVP_MD_CTX_free((*out)->context);
    memory_free(lib, *out);
    *out = NULL;
    return fail_memory(lib, 256, "hash");
}

int hash_add(idim *lib, hasher *h, const void *bytes, int64_t n)
{
    if (EVP_DigestUpdate(h->context, bytes, (size_t)n) != 1)
        return fail(lib, IDIM_EMEMORY, "hash: the digest could not be updated");
    return 0;
}

int hash_end(idim *lib, hasher *h, uint8_t digest[HASH_BYTES])
{
    if (h == NULL)
        return 0;
    int done = EVP_DigestFinal_ex(h->context, digest, NULL);
    EVP_MD_CTX_free(h->context);
    memory_free(lib, h);
    return done == 1 ? 0 : fail(lib, IDIM_EMEMORY, "hash: the digest could not be finished");
}

void hash_bytes(const void *bytes, int64_t n, uint8_t digest[HASH_BYTES])
{
    SHA256(bytes, (size_t)n, digest);
}

void hash_text(const uint8_t digest[HASH_BYTES], char text[HASH_TEXT])
{
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < HASH_BYTES; i++) {
        text[2 * i] = digits[digest[i] >> 4];
        text[2 * i + 1] = digits[digest[i] & 15];
    }
    text[HASH_TEXT - 1] = '\0';
}
