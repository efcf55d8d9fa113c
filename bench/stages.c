/* SPDX-License-Identifier: MIT */
#include "stages.h"

#include "format.h"
#include "hash.h"
#include "machine_io.h"
#include "mem.h"

#define STATE_BYTES 256
#define MAGIC "smpoke-state-2"
#define MAX_WORD 32

/* The words of the line, in order. Numbers are decimal. */
enum word {
	WORD_MAGIC,
	WORD_RUN,
	WORD_HASH,
	WORD_SEED,
	WORD_RUNGS, /* that hung */
	WORD_BENCH, /* the next, or the one under way */
	WORD_WHAT, /* idle, bench, rung-N, done or reboot */
	WORD_PLAN,
	NR_WORDS,
};

struct line {
	char word[NR_WORDS][MAX_WORD];
};

/* Return: false when it is not a whole line of ours. */
static bool split(struct line *line, const char *text)
{
	u32 nr = 0, len = 0;

	memset(line, 0, sizeof(*line));
	for (; *text && *text != '\n' && nr < NR_WORDS; text++) {
		if (*text == ' ') {
			nr++;
			len = 0;
		} else if (len + 1 < MAX_WORD) {
			line->word[nr][len++] = *text;
		} else {
			return false;
		}
	}
	return *text && nr >= NR_WORDS - 1 && text_equal(line->word[WORD_MAGIC], MAGIC);
}

static u64 number(const struct line *line, enum word which)
{
	u64 value = 0;

	return number_parse(&value, line->word[which]) ? 0 : value;
}

/* A seed that nobody asked for is another one each time, and no difference between the two. */
static u64 hash_options(const struct options *options, const char *const *suite_names)
{
	static struct options same;
	char text[1024];

	same = *options;
	if (!same.seed_given)
		same.seed = 0;
	return hash_bytes(HASH_START, (const u8 *)text,
			  options_describe(&same, suite_names, text, sizeof(text)));
}

static const char *base_name(const char *path)
{
	const char *base = path;

	for (; *path; path++)
		if (*path == '/' || *path == '\\')
			base = path + 1;
	return base;
}

/* The options are those of before the menu, so that the same start with nobody there finds it. */
static enum plan plan_of(const struct line *line, enum plan otherwise)
{
	for (u32 plan = PLAN_QUICK; plan <= PLAN_FULL; plan++)
		if (text_equal(line->word[WORD_PLAN], plan_name((enum plan)plan)))
			return (enum plan)plan;
	return otherwise;
}

static void take_over(struct stages *s, const struct line *line)
{
	const char *what = line->word[WORD_WHAT];

	s->goes_on = true;
	s->rungs_hung = (u32)number(line, WORD_RUNGS);
	s->first = (u32)number(line, WORD_BENCH);
	s->first_hung = text_equal(what, "bench");
	for (u32 how = START_ALL; how < START_UP; how++) {
		char rung[MAX_WORD];

		format(rung, sizeof(rung), "rung-%u", how);
		if (text_equal(what, rung))
			s->rungs_hung |= 1u << how;
	}
}

void stages_read(struct stages *s, struct options *options, const char *const *suite_names)
{
	char text[STATE_BYTES];
	struct line line;

	memset(s, 0, sizeof(*s));
	s->options_hash = hash_options(options, suite_names);
	s->seed = options->seed;
	if (machine_state_read(options->out, text, sizeof(text)) || !split(&line, text) ||
	    number(&line, WORD_HASH) != s->options_hash)
		return;
	format(s->before, sizeof(s->before), "%s", line.word[WORD_RUN]);
	if (text_equal(line.word[WORD_WHAT], "reboot"))
		s->is_over = true;
	else if (!text_equal(line.word[WORD_WHAT], "done"))
		take_over(s, &line);
	if (s->goes_on) {
		options->seed = s->seed = number(&line, WORD_SEED);
		options->plan = plan_of(&line, options->plan);
	}
}

static void write_state(struct stages *s, const char *what, u32 bench)
{
	char text[STATE_BYTES];

	if (!s->kept)
		return;
	format(text, sizeof(text), MAGIC " %s %lu %lu %u %u %s %s\n", s->run, s->options_hash,
	       s->seed, s->rungs_hung, bench, what, plan_name(s->plan));
	/* Without it a hang is not known, and that is all. */
	if (machine_state_write(text))
		s->kept = false;
}

/* Until the row of a bench that hung is written, the next start has to write it. */
static void write_start(struct stages *s)
{
	write_state(s, s->first_hung ? "bench" : "idle", s->first);
}

void stages_begin(struct stages *s, enum plan plan, const struct results *results)
{
	s->kept = true;
	s->plan = plan;
	format(s->run, sizeof(s->run), "%s", base_name(results->folder));
	write_start(s);
}

enum stage stages_bench(struct stages *s)
{
	u32 mine;

	if (!s)
		return STAGE_RUN;
	mine = s->nr_benches++;
	if (mine < s->first)
		return STAGE_PASS;
	if (mine == s->first && s->first_hung)
		return STAGE_HUNG;
	write_state(s, "bench", mine);
	return STAGE_RUN;
}

void stages_rung(void *arg, enum machine_start how)
{
	struct stages *s = arg;
	char what[MAX_WORD];

	format(what, sizeof(what), "rung-%u", how);
	write_state(s, what, s->first + s->first_hung);
}

void stages_cpus_started(struct stages *s)
{
	write_start(s);
}

void stages_end(struct stages *s, enum machine_then then)
{
	write_state(s, then == MACHINE_THEN_REBOOT ? "reboot" : "done", s->nr_benches);
}
