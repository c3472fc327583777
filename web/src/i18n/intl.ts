/** What writes numbers and dates, made once for each language and wish: to make one takes longer than to use it a
 * hundred times. */
function kept<O, T>(Made: new (language: string, options?: O) => T): (language: string, options?: O) => T {
  const made = new Map<string, T>();
  return (language, options) => {
    const key = language + JSON.stringify(options ?? {});
    const found = made.get(key) ?? new Made(language, options);
    made.set(key, found);
    return found;
  };
}

export const numbers = kept<Intl.NumberFormatOptions, Intl.NumberFormat>(Intl.NumberFormat);
export const dates = kept<Intl.DateTimeFormatOptions, Intl.DateTimeFormat>(Intl.DateTimeFormat);
export const plurals = kept<Intl.PluralRulesOptions, Intl.PluralRules>(Intl.PluralRules);
export const names = kept<Intl.DisplayNamesOptions, Intl.DisplayNames>(
  Intl.DisplayNames as new (
    language: string,
    options?: Intl.DisplayNamesOptions,
  ) => Intl.DisplayNames,
);
