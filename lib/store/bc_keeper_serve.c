/* SPDX-License-Identifier: BSD-3-Clause */
/* In the keeper's process: what is asked for is done or refused. Whoever asks may have been taken over. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bc_ack_file.h"
#include "bc_keeper_priv.h"
#include "bc_seqfile.h"

/* A file that was made here, and has its temporary name still, as far as is known. */
struct file {
	struct file *next;
	struct bc_folder_file f;
};

struct place {
	char client[BC_KEEPER_CLIENT_MAX];
	struct bc_folder folder;
	struct file *files;		/* newest first */
	unsigned n_files;
	bool acks_begun;
};

struct bc_keeper_server {
	const struct bc_keeper_config *cfg;
	struct place *place[BC_KEEPER_PLACES];
	uint32_t n;
	char *report_tmp;		/* NULL: none is begun, or what is written into is not replaced */
};

struct bc_keeper_server *bc_keeper_server_new(const struct bc_keeper_config *cfg)
{
	struct bc_keeper_server *s = calloc(1, sizeof(*s));

	if (s)
		s->cfg = cfg;
	return s;
}

bool bc_keeper_is_client(const char *name)
{
	size_t len = strnlen(name, BC_KEEPER_CLIENT_MAX);

	if (!len || len == BC_KEEPER_CLIENT_MAX || !isalnum((unsigned char)name[0]))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)name[i]) && !strchr("_-.", name[i]))
			return false;
	return true;
}

/* The folder of a file. */
static int open_parent(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *parent = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	int fd = parent ? open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	free(parent);
	return fd < 0 ? -errno : fd;
}

/* As it is now. A client's own folder lies in the one that we were told of: its name has no slash, and it is no link. */
static int open_folder(const struct bc_keeper_config *cfg, const char *client)
{
	int base, fd;

	if (cfg->file)
		return open_parent(cfg->dest);
	base = open(cfg->dest, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (base < 0)
		return -errno;
	if (cfg->clients != BC_KEEPER_FOLDERS)
		return base;
	if (mkdirat(base, client, 0750) < 0 && errno != EEXIST)
		fd = -errno;
	else if ((fd = openat(base, client, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) < 0)
		fd = -errno;
	close(base);
	return fd;
}

static void free_place(struct place *p)
{
	free(p->folder.ext);
	free(p->folder.name);
	free(p->folder.series);
	free(p);
}

static struct place *new_place(const struct bc_keeper_config *cfg, const char *client)
{
	struct place *p = calloc(1, sizeof(*p));
	const char *slash = strrchr(cfg->dest, '/');

	if (!p)
		return NULL;
	strcpy(p->client, client);
	p->folder = (struct bc_folder){
		.fd = -1, .mode = cfg->mode, .utc = cfg->utc, .pid = cfg->pid, .write_only = !cfg->readable,
		.ext = strdup(cfg->ext),
		.name = cfg->file ? strdup(slash ? slash + 1 : cfg->dest) : NULL,
		.series = cfg->clients == BC_KEEPER_SERIES ? strdup(client) : NULL,
	};
	if (p->folder.ext && (p->folder.name || !cfg->file) && (p->folder.series || cfg->clients != BC_KEEPER_SERIES))
		return p;
	free_place(p);
	return NULL;
}

static int add_place(struct bc_keeper_server *s, const char *client)
{
	struct place *p = s->n < BC_KEEPER_PLACES ? new_place(s->cfg, client) : NULL;

	if (!p)
		return -ENOMEM;
	p->folder.fd = open_folder(s->cfg, client);
	if (p->folder.fd < 0) {
		int r = p->folder.fd;

		free_place(p);
		return r;
	}
	s->place[s->n++] = p;
	return 0;
}

static int find_place(struct bc_keeper_server *s, const struct bc_keeper_ask *q, struct bc_keeper_answer *a)
{
	const bool clients = s->cfg->clients != BC_KEEPER_ONE;

	if (clients ? !bc_keeper_is_client(q->client) : q->client[0])
		return -EINVAL;
	for (uint32_t i = 0; i < s->n; i++)
		if (!strcmp(s->place[i]->client, q->client)) {
			a->number = i;
			return 0;
		}
	a->number = s->n;
	return add_place(s, q->client);
}

static int follow(struct bc_keeper_server *s, struct place *p)
{
	int fd = open_folder(s->cfg, p->client), r;

	if (fd < 0)
		return fd;
	r = dup3(fd, p->folder.fd, O_CLOEXEC) < 0 ? -errno : fd;
	if (r < 0)
		close(fd);
	return r;
}

/* So many cannot wait for a name: what is forgotten keeps its temporary one. */
static void forget_oldest(struct place *p)
{
	struct file **at = &p->files;

	while (*at && (*at)->next)
		at = &(*at)->next;
	free(*at);
	*at = NULL;
	p->n_files--;
}

static int create(struct place *p, const struct bc_keeper_ask *q, struct bc_keeper_answer *a)
{
	struct file *f = malloc(sizeof(*f));
	int fd = f ? bc_folder_create(&p->folder, q->seq, &f->f) : -ENOMEM;

	if (fd < 0) {
		free(f);
		return fd;
	}
	if (p->n_files == BC_KEEPER_FILES)
		forget_oldest(p);
	f->next = p->files;
	p->files = f;
	p->n_files++;
	a->number = f->f.again;
	a->mode_err = f->f.mode_err;
	return fd;
}

static struct file **find_file(struct place *p, const struct bc_keeper_ask *q)
{
	struct file **at = &p->files;

	while (*at && ((*at)->f.seq != q->seq || (*at)->f.again != q->again))
		at = &(*at)->next;
	return *at ? at : NULL;
}

static void forget(struct place *p, struct file **at)
{
	struct file *f = *at;

	*at = f->next;
	p->n_files--;
	free(f);
}

static int remove_file(struct place *p, const struct bc_keeper_ask *q)
{
	struct file **at = find_file(p, q);
	int r = at ? bc_folder_remove(&p->folder, &(*at)->f) : -ENOENT;

	if (!r)
		forget(p, at);
	return r;
}

static int publish(struct place *p, const struct bc_keeper_ask *q, struct bc_keeper_answer *a)
{
	struct file **at = find_file(p, q);
	unsigned again = 0;
	int r = at ? bc_folder_publish(&p->folder, &(*at)->f, q->ns, a->name, &again) : -ENOENT;

	if (r >= 0)
		forget(p, at);
	a->number = again;
	return r;
}

static int acks_end(struct place *p, const struct bc_keeper_ask *q)
{
	if (!p->acks_begun)
		return -EINVAL;
	p->acks_begun = false;
	return bc_ack_file_end(p->folder.fd, p->folder.series, q->good);
}

static int acks_begin(struct place *p)
{
	int fd = bc_ack_file_begin(p->folder.fd, p->folder.series);

	p->acks_begun = fd >= 0;
	return fd;
}

static int report_end(struct bc_keeper_server *s, const struct bc_keeper_ask *q)
{
	int r = 0;

	if (!s->report_tmp)
		return 0;
	if (q->good && rename(s->report_tmp, s->cfg->report) < 0)
		r = -errno;
	if (!q->good || r)
		unlink(s->report_tmp);
	free(s->report_tmp);
	s->report_tmp = NULL;
	return r;
}

/* What is no regular file is written into, never replaced. */
static int report_begin(struct bc_keeper_server *s)
{
	const char *path = s->cfg->report;
	struct stat st;
	int fd;

	if (!path || s->report_tmp)
		return -EINVAL;
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
		fd = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);
		return fd < 0 ? -errno : fd;
	}
	if (asprintf(&s->report_tmp, "%s.tmp-%u", path, s->cfg->pid) < 0) {
		s->report_tmp = NULL;
		return -ENOMEM;
	}
	fd = open(s->report_tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (fd >= 0)
		return fd;
	fd = -errno;
	free(s->report_tmp);
	s->report_tmp = NULL;
	return fd;
}

static int seqfile(const struct bc_keeper_server *s)
{
	return s->cfg->seqfile ? bc_seqfile_make(s->cfg->seqfile) : -EINVAL;
}

static int do_in_place(struct bc_keeper_server *s, struct place *p, const struct bc_keeper_ask *q, struct bc_keeper_answer *a)
{
	switch (q->what) {
	case BC_KEEPER_FOLDER:
		return follow(s, p);
	case BC_KEEPER_CREATE:
		return create(p, q, a);
	case BC_KEEPER_REMOVE:
		return remove_file(p, q);
	case BC_KEEPER_PUBLISH:
		return publish(p, q, a);
	case BC_KEEPER_ACKS_BEGIN:
		return acks_begin(p);
	case BC_KEEPER_ACKS_END:
		return acks_end(p, q);
	default:
		return -EINVAL;
	}
}

static bool answers_with_fd(uint32_t what)
{
	return what == BC_KEEPER_FOLDER || what == BC_KEEPER_SEQFILE || what == BC_KEEPER_CREATE ||
	       what == BC_KEEPER_ACKS_BEGIN || what == BC_KEEPER_REPORT_BEGIN;
}

static int act(struct bc_keeper_server *s, const struct bc_keeper_ask *q, struct bc_keeper_answer *a)
{
	switch (q->what) {
	case BC_KEEPER_PLACE:
		return find_place(s, q, a);
	case BC_KEEPER_SEQFILE:
		return seqfile(s);
	case BC_KEEPER_REPORT_BEGIN:
		return report_begin(s);
	case BC_KEEPER_REPORT_END:
		return report_end(s, q);
	default:
		return q->place < s->n ? do_in_place(s, s->place[q->place], q, a) : -EINVAL;
	}
}

void bc_keeper_serve(void *ctx, struct bc_apart_message *request, struct bc_apart_message *answer)
{
	struct bc_keeper_answer a = { .r = -EINVAL };
	struct bc_keeper_ask q;

	if (request->len == sizeof(q) && !request->n_fds) {
		memcpy(&q, request->data, sizeof(q));
		a.r = act(ctx, &q, &a);
		if (a.r >= 0 && answers_with_fd(q.what)) {
			answer->fd[answer->n_fds++] = a.r;
			a.r = 0;
		}
	}
	answer->len = sizeof(a);
	memcpy(answer->data, &a, sizeof(a));
}
