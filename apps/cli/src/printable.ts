/** What others wrote must not steer the terminal. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this takes out.
export const printable = (text: string): string => text.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, '?')
