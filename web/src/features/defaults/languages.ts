/** The codes that the server knows; their names are the browser's to tell. */
const CODES =
  'af am ar as az ba be bg bn bo br bs ca cs cy da de el en es et eu fa fi fo fr gl gu ha haw he hi hr ht hu hy ' +
  'id is it ja jw ka kk km kn ko la lb ln lo lt lv mg mi mk ml mn mr ms mt my ne nl nn no oc pa pl ps pt ro ru ' +
  'sa sd si sk sl sn so sq sr su sv sw ta te tg th tk tl tr tt uk ur uz vi yi yo yue zh';

/** Each with its name in `language`, in the order of that alphabet. */
export function languagesIn(language: string, name: (code: string, language: string) => string) {
  return CODES.split(' ')
    .map((code) => ({ code, name: name(code, language) }))
    .sort((a, b) => a.name.localeCompare(b.name, language));
}

/** Terms as somebody types them: one a line, or with commas; each once. */
export function termsOf(text: string): string[] {
  const terms = text
    .split(/[\n,;]/)
    .map((term) => term.replace(/\s+/g, ' ').trim())
    .filter((term) => term !== '');
  return [...new Set(terms)];
}
