/* SPDX-License-Identifier: MIT */
#include "menu.h"

#include "format.h"
#include "machine.h"
#include "machine_io.h"

#define PATIENCE_S 60 /* somebody leant on the keyboard, and went */
#define LINES_A_SCREEN 22
#define LINE_BYTES 512
#define MAX_TYPED 64 /* before the question: none of it is an answer */

/* ---- info: the facts of machine.csv, without a measurement ---- */

struct pages {
	u32 nr_lines; /* on this screen */
	bool enough; /* somebody has seen what he wanted */
};

static void next_page(struct pages *pages)
{
	int key;

	machine_print("-- any key: more, Escape: enough --\n");
	key = machine_key(PATIENCE_S * NSEC_PER_SEC);
	pages->enough = key <= 0 || key == MACHINE_KEY_ESCAPE;
	pages->nr_lines = 0;
}

static void show_fact(void *ctx, const char *key, const char *value)
{
	struct pages *pages = ctx;
	char line[LINE_BYTES];

	if (!pages->enough && pages->nr_lines == LINES_A_SCREEN)
		next_page(pages);
	if (pages->enough)
		return;
	format(line, sizeof(line), "%-26s %s\n", key, value);
	machine_print(line);
	pages->nr_lines++;
}

static void show_facts(void)
{
	struct pages pages = { 0 };

	machine_for_each_fact(show_fact, &pages);
}

/* ---- The menu ---- */

static void show_menu(const struct options *options)
{
	char line[LINE_BYTES];

	format(line, sizeof(line),
	       "\nsmpoke " SMPOKE_VERSION "\n"
	       "  q      quick: a first look, within a minute\n"
	       "  f      full: for the night\n"
	       "  Enter  as the options say: %s\n"
	       "  n      %s\n"
	       "  i      info: what this machine is; nothing is measured\n"
	       "  s      shell: leave, back to firmware\n",
	       plan_name(options->plan),
	       options->no_store ? "store results again: now none are, the summary is all there is"
				 : "store no results: the summary on the screen is all there is");
	machine_print(line);
}

static bool choose_plan(struct options *options, enum plan plan)
{
	options->plan = plan;
	return true;
}

/* Return: true when @ret holds the answer. */
static bool obey(struct options *options, int key, enum menu_answer *ret)
{
	*ret = MENU_RUN;
	switch (key | 0x20) {
	case 'q':
		return choose_plan(options, PLAN_QUICK);
	case 'f':
		return choose_plan(options, PLAN_FULL);
	case 's':
		*ret = MENU_LEAVE;
		return true;
	case 'i':
		show_facts();
		break;
	case 'n':
		options->no_store = !options->no_store;
		break;
	}
	return key == MACHINE_KEY_ENTER;
}

static enum menu_answer run_menu(struct options *options)
{
	enum menu_answer answer;
	int key;

	do {
		show_menu(options);
		key = machine_key(PATIENCE_S * NSEC_PER_SEC);
		if (key <= 0) {
			machine_print("no key came: the run begins\n");
			return MENU_RUN;
		}
	} while (!obey(options, key, &answer));
	return answer;
}

enum menu_answer menu_ask(struct options *options)
{
	char line[LINE_BYTES];
	int key = 1;

	for (u32 i = 0; options->menu_s && i < MAX_TYPED && key > 0; i++)
		key = machine_key(0);
	if (!options->menu_s || key < 0)
		return MENU_RUN;
	format(line, sizeof(line), "a key within %u s opens the menu\n", options->menu_s);
	machine_print(line);
	if (machine_key(options->menu_s * NSEC_PER_SEC) <= 0)
		return MENU_RUN;
	return run_menu(options);
}
