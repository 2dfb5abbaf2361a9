// The words of AimQL (docs/aimql.md): what may be written, with a line of explanation for completion.

export type Words = readonly (readonly [word: string, meaning: string])[];

export const RUN_FIELDS: Words = [
  ["name", "a text"],
  ["hash", "24 characters"],
  ["experiment", "the experiment's name"],
  ["description", "a text, or None"],
  ["tags", "a list of texts"],
  ["archived", "True or False"],
  ["active", "True until the run has been closed"],
  ["creation_time", "seconds since 1970"],
  ["end_time", "seconds since 1970; None while active"],
  ["created_at", "a datetime, in UTC"],
  ["finalized_at", "a datetime, in UTC; None while active"],
  ["duration", "seconds, up to now while active"],
  ["metrics", "its sequences"],
];

export const SUMMARY_FIELDS: Words = [
  ["last", "the value at the highest step"],
  ["first", "the value at the lowest step"],
  ["min", "the smallest value that is a number"],
  ["max", "the largest value that is a number"],
  ["mean", "the mean of the values that are numbers"],
  ["count", "how many points there are"],
  ["first_step", "the lowest step"],
  ["last_step", "the highest step"],
];

export const SEQUENCE_FIELDS: Words = [
  ["name", "the sequence's name"],
  ["context", "a dictionary"],
  ["run", "the run"],
  ...SUMMARY_FIELDS,
];

/** Of sequences that have no values to summarise. */
export const MEDIA_FIELDS: Words = SEQUENCE_FIELDS.filter(
  ([word]) => !["last", "first", "min", "max", "mean"].includes(word),
);

export const KEYWORDS = "and or not in is if else for None True False".split(" ");

export const FUNCTIONS: Words = [
  ["abs", "the absolute value"],
  ["all", "whether all are true"],
  ["any", "whether any is true"],
  ["bool", "True or False"],
  ["datetime", "a time, in UTC"],
  ["dict", "a dictionary"],
  ["enumerate", "a list of (number, element)"],
  ["filter", "the elements for which a function is true"],
  ["float", "a number, also from a text"],
  ["int", "a whole number, also from a text"],
  ["isinstance", "whether a value is of a type"],
  ["len", "how many"],
  ["list", "a list"],
  ["map", "what a function gives for each"],
  ["matches", "whether a regular expression is found in a text"],
  ["max", "the largest"],
  ["min", "the smallest"],
  ["pow", "a ** b"],
  ["range", "whole numbers"],
  ["reversed", "a list, the other way round"],
  ["round", "a rounded number"],
  ["search", "whether the run's texts have all these words"],
  ["set", "a set"],
  ["sorted", "a list in order"],
  ["str", "a text"],
  ["sum", "the sum"],
  ["timedelta", "a length of time"],
  ["tuple", "a tuple"],
  ["zip", "a list of pairs"],
];

export const METHODS: Words = [
  ...(
    "startswith endswith lower upper strip split replace removeprefix removesuffix find count index join isdigit " +
    "isalpha casefold title zfill"
  )
    .split(" ")
    .map((word) => [word, "of a text"] as const),
  ...["get", "items", "keys", "values"].map((word) => [word, "of a dictionary"] as const),
  ["is_integer", "of a number"],
];

export const TIME_METHODS: Words = [
  ...["year", "month", "day", "hour", "minute", "second"].map((word) => [word, "a number"] as const),
  ...["date", "isoformat", "isoweekday", "strftime", "timestamp", "weekday"].map(
    (word) => [`${word}()`, "of a time"] as const,
  ),
];
