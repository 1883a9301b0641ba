/** The plugin `tex` of mdit-tex.js, for the type checker. */
export const tex: unknown;
