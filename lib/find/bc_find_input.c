/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_find_input.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bc_blob.h"
#include "bc_codec.h"
#include "bc_decoder.h"
#include "bc_depot.h"
#include "bc_find_blocks.h"
#include "bc_index.h"
#include "bc_index_beside.h"

struct bc_find_input {
	char *path;
	struct bc_depot *depot;
	struct bc_blob *blob;
	struct bc_blob *both;		/* with the index that is beside it; NULL: there is none */
	struct bc_decoder *decoder;
	struct bc_find_plan plan;
	struct bc_find_blocks *blocks;	/* NULL: all of it, from the decoder */
	struct bc_reader *reader;
	uint8_t *buf;			/* decoded bytes [begin, end) wait to be parsed */
	size_t cap, begin, end;
	uint64_t offset;		/* of begin in the decoded file */
	uint64_t last_ns;
	uint32_t n_ifaces;
	bool erf, begun;		/* begun: a packet was given */
	bc_find_kept kept;
	void *kept_ctx;
	int over;			/* a negative errno, or 1 at the end */
	struct bc_err why;
};

static int fail(struct bc_find_input *in, int code, const char *words)
{
	in->over = code;
	return bc_err_set(&in->why, code, "%s: at offset %" PRIu64 "%s: %s", in->path, in->offset,
			  bc_decoder_codec(in->decoder) == BC_CODEC_NONE ? "" : " of the decompressed data", words);
}

static int make_room(struct bc_find_input *in, size_t need)
{
	uint8_t *grown;

	memmove(in->buf, in->buf + in->begin, in->end - in->begin);
	in->end -= in->begin;
	in->begin = 0;
	if (need <= in->cap)
		return 0;
	grown = realloc(in->buf, need);
	if (!grown)
		return fail(in, -ENOMEM, "no memory for a record");
	in->buf = grown;
	in->cap = need;
	return 0;
}

/* Decode more behind what is there: 0; or it is over. */
static int read_more(struct bc_find_input *in, size_t need)
{
	int r = make_room(in, need);
	struct bc_err err;
	ptrdiff_t n;

	if (r)
		return r;
	if (in->blocks)
		n = bc_find_blocks_read(in->blocks, in->buf + in->end, in->cap - in->end, &err);
	else
		n = bc_decoder_read(in->decoder, in->buf + in->end, in->cap - in->end, &err);
	if (n < 0)
		return fail(in, (int)n, err.msg);
	if (n == 0 && in->begin < in->end)
		return fail(in, -ENODATA, "the file ends inside a record");
	if (n == 0)
		in->over = 1;
	in->end += (size_t)n;
	return in->over;
}

/* One item: what it is; 0: it is over. */
static int step(struct bc_find_input *in, struct bc_record *rec)
{
	size_t used = 0, need = 0;
	struct bc_err err;
	int r;

	for (;;) {
		r = bc_reader_next(in->reader, in->buf + in->begin, in->end - in->begin, &used, &need, rec, &err);
		if (r < 0)
			fail(in, r, err.msg);
		if (r != BC_READ_MORE)
			break;
		if (read_more(in, need))
			return BC_READ_MORE;
	}
	in->begin += used;
	in->offset += used;
	return r;
}

/* Before all packets of the file it is about all of them. */
static void keep(const struct bc_find_input *in, struct bc_record *rec)
{
	if (rec->keep == BC_CARRY_HERE && !in->begun && !(in->blocks && bc_find_blocks_skipped(in->blocks)))
		rec->keep = BC_CARRY_BLOCK;
	if (in->kept)
		in->kept(in->kept_ctx, rec);
}

int bc_find_input_next(struct bc_find_input *in, struct bc_record *rec, struct bc_err *err)
{
	int r = BC_READ_SKIP;

	while (!in->over && r != BC_READ_RECORD) {
		r = step(in, rec);
		if (r == BC_READ_IFACE)
			in->n_ifaces = rec->iface + 1;
		else if (r == BC_READ_KEEP)
			keep(in, rec);
	}
	if (in->over) {
		if (in->over < 0 && err)
			*err = in->why;
		return in->over < 0 ? in->over : 0;
	}
	in->begun = true;
	/* At the end of all time it would hold up what follows: it keeps its place. */
	if (rec->clamped && rec->ts_ns)
		rec->ts_ns = in->last_ns;
	if (rec->ts_ns > in->last_ns)
		in->last_ns = rec->ts_ns;
	return 1;
}

int bc_find_input_open(struct bc_depot *depot, const char *path, size_t window, struct bc_find_input **ret, struct bc_err *err)
{
	struct bc_find_input *in = calloc(1, sizeof(*in));
	int r = -ENOMEM;

	if (in) {
		in->erf = bc_reader_is_erf_name(path, bc_codec_ext(bc_codec_of_path(path)));
		in->path = strdup(path);
		in->depot = depot;
		in->cap = window;
		in->buf = malloc(window);
		in->reader = in->erf ? bc_reader_new_erf() : bc_reader_new();
	}
	if (!in || !in->path || !in->buf || !in->reader) {
		bc_err_set(err, r, "%s: no memory", path);
		goto fail;
	}
	r = bc_depot_open(depot, path, &in->blob, err);
	if (!r)
		r = bc_decoder_open_blob(in->blob, &in->decoder, err);
	if (r)
		goto fail;
	*ret = in;
	return 0;
fail:
	bc_find_input_close(in);
	return r;
}

/* What its index is read from. 0; or a negative errno with a line in err: the one beside it is not to be used. */
static int look_beside(struct bc_find_input *in, struct bc_blob **ret, struct bc_err *err)
{
	int r = in->both ? 0 : bc_index_beside_open(in->depot, in->path, in->blob, &in->both, err);

	*ret = in->both ? in->both : in->blob;
	return r == -ENODATA ? 0 : r;
}

int bc_find_input_plan(struct bc_find_input *in, struct bc_find_ifaces *ifaces, uint64_t from_ns, uint64_t to_ns, struct bc_find_plan *ret,
		       struct bc_err *err)
{
	struct bc_blob *blob;
	int r = look_beside(in, &blob, err);

	if (!r)
		r = bc_find_plan_make(blob, ifaces, from_ns, to_ns, NULL, NULL, &in->plan, err);
	else
		in->plan.damaged = r == -EBADMSG;
	/* Then packets are not read from what a catalogue says either. */
	if (in->plan.way == BC_FIND_WHOLE)
		bc_blob_doubt(in->blob);
	if (!r && in->plan.way == BC_FIND_BLOCKS) {
		in->blocks = bc_find_blocks_new(blob, &in->plan);
		r = in->blocks ? 0 : bc_err_set(err, -ENOMEM, "no memory for a plan");
	}
	if (!r && (in->plan.way == BC_FIND_NOT_THE_TIME || in->plan.way == BC_FIND_NOT_THE_FLOWS))
		in->over = 1;
	*ret = in->plan;
	ret->block = NULL;
	if (in->both)
		ret->bytes = bc_index_beside_cost(in->both, ret->bytes);
	return r ? bc_err_prefix(err, r, "%s", in->path) : 0;
}

bool bc_find_input_foot(struct bc_find_input *in, uint64_t *ret_first_ns)
{
	struct bc_index_footer footer;
	uint8_t tail[BC_INDEX_TAIL];
	struct bc_blob *blob;
	size_t len;

	if (look_beside(in, &blob, NULL))
		return false;
	len = blob->bytes < BC_INDEX_TAIL ? blob->bytes : BC_INDEX_TAIL;
	if (bc_blob_read(blob, tail, len, blob->bytes - len, NULL) != (ptrdiff_t)len || bc_index_footer_find(tail, len, blob->bytes, &footer, NULL) ||
	    !footer.packets || !footer.first_ns || footer.first_ns == UINT64_MAX)
		return false;
	*ret_first_ns = footer.first_ns;
	return true;
}

void bc_find_input_keep(struct bc_find_input *in, bc_find_kept kept, void *ctx)
{
	in->kept = kept;
	in->kept_ctx = ctx;
}

void bc_find_input_close(struct bc_find_input *in)
{
	if (!in)
		return;
	bc_find_blocks_free(in->blocks);
	bc_find_plan_free(&in->plan);
	bc_decoder_close(in->decoder);
	bc_blob_close(in->both);
	bc_blob_close(in->blob);
	bc_reader_free(in->reader);
	free(in->buf);
	free(in->path);
	free(in);
}

uint32_t bc_find_input_ifaces(const struct bc_find_input *in)
{
	return in->n_ifaces;
}

const struct bc_iface *bc_find_input_iface(const struct bc_find_input *in, uint32_t i)
{
	return bc_reader_iface(in->reader, i);
}

uint32_t bc_find_nth_alike(const struct bc_find_input *in, uint32_t i)
{
	const struct bc_iface *iface = bc_find_input_iface(in, i);
	uint32_t n = 0;

	for (uint32_t k = 0; k < i; k++)
		n += !memcmp(bc_find_input_iface(in, k), iface, sizeof(*iface));
	return n;
}

bool bc_find_input_is_capture(const struct bc_find_input *in)
{
	return in->offset > 0 || bc_reader_is_known(in->reader) || (in->erf && !in->over);
}

uint64_t bc_find_input_taken(const struct bc_find_input *in)
{
	uint64_t blocks = !in->blocks ? bc_decoder_offset(in->decoder) :
			  in->both ? bc_index_beside_taken(in->both) : bc_find_blocks_taken(in->blocks);

	return in->plan.index_bytes + blocks;
}
