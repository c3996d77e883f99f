/* Strict JSON: what is refused, and where the sentence points.
 *
 * SPDX-License-Identifier: MIT */
#include "check.h"
#include "format/json.h"

/* text, fragment of the sentence; all are IDIM_EFORMAT */
static const struct {
    const char *text, *fragment;
} refused[] = {
    {"", "x.json:1:0: "},
    {"{", "x.json:1:1: "},
    {"{}x", "end of file expected near 'x'"},
    {"{\n \"a\": 1,\n \"a\": 2}", "x.json:3:4: duplicate object key"},
    {"{\"a\": 01}", "x.json:1:"},
    {"{\"a\": NaN}", "invalid token near 'NaN'"},
    {"{\"a\": 1e999}", "real number overflow"},
    {"{\"a\": 99999999999999999999}", "too big integer"},
    {"{\"a\": \"\xff\"}", "unable to decode byte 0xff"},
    {"{\"a\": \"\\ud800\"}", "invalid Unicode"},
    {"{\"a\": \"\\u0000\"}", "\\u0000 is not allowed"},
    {"{\"a\": \"\x01\"}", "control character 0x1"},
    {"{\"a\": 1,}", "x.json:1:"},
    {"\xef\xbb\xbf{}", "x.json:1:"},
    {"[1, 2]", "x.json: expected an object, found a list"},
    {"12", "x.json: expected an object, found 12"},
};

static void what_is_not_strict_json_is_refused_with_its_place(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        json_t *document;
        library_clear(lib);
        int status = json_read_text(lib, "x.json", refused[i].text,
                                    (int64_t)strlen(refused[i].text), &document);
        if (status != IDIM_EFORMAT || document != NULL ||
            strstr(idim_error(lib), refused[i].fragment) == NULL)
            fail_msg("%s: status %d: %s", refused[i].text, status, idim_error(lib));
    }
    idim_close(lib);
}

static void depth_is_limited(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    static char text[1 << 20];
    memset(text, '[', sizeof text);
    json_t *document;
    assert_int_equal(json_read_text(lib, "deep.json", text, sizeof text, &document), IDIM_EFORMAT);
    assert_non_null(strstr(idim_error(lib), "maximum parsing depth reached"));
    idim_close(lib);
}

static void sentences_name_the_place(void **state)
{
    (void)state;
    idim *lib = check_library(1);
    const char *text = "{\"n\": \"x\", \"list\": [1, {\"deep\": {\"f\": 2.5}}], \"none\": null,"
                       " \"long\": \"0123456789012345678901234567890123456789012345678901\"}";
    json_t *document;
    CHECK_OK(lib, json_read_text(lib, "c.json", text, (int64_t)strlen(text), &document));
    json_place root = json_root(lib, "c.json", document);

    int64_t n = 5;
    assert_int_equal(json_take_integer(&root, "n", 1, 9, &n), IDIM_EFORMAT);
    assert_string_equal(idim_error(lib),
                        "c.json: n: expected an integer between 1 and 9, found \"x\"");
    CHECK_OK(lib, json_take_integer(&root, "absent", 1, 9, &n));
    CHECK_OK(lib, json_take_integer(&root, "none", 1, 9, &n));
    assert_int_equal(n, 5);

    library_clear(lib);
    json_place list = json_member(&root, "list"), item = json_item(&list, 1);
    json_place deep = json_member(&item, "deep"), f = json_member(&deep, "f");
    double number;
    CHECK_OK(lib, json_want_number(&f, 0, 3, &number));
    assert_true(number == 2.5);
    assert_int_equal(json_want_number(&f, 0, 1, &number), IDIM_EFORMAT);
    assert_string_equal(idim_error(lib),
                        "c.json: list[1].deep.f: expected a number between 0 and 1, found 2.5");

    library_clear(lib);
    json_place gone = json_item(&list, 7);
    bool flag;
    assert_int_equal(json_want_flag(&gone, &flag), IDIM_EFORMAT);
    assert_string_equal(idim_error(lib), "c.json: list[7]: expected true or false, found nothing");

    library_clear(lib);
    assert_int_equal(json_take_flag(&root, "long", &flag), IDIM_EFORMAT);
    assert_non_null(strstr(idim_error(lib), "found \"01234567890123456789012345678901234567890"));
    json_decref(document);
    idim_close(lib);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_strict_json_is_refused_with_its_place),
        cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(sentences_name_the_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
