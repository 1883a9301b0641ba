/** The parts of markdown-it and DOMPurify that the page uses, and the globals that scripts define. */

import type { Libraries } from './libraries.js';

export interface Token {
  type: string;
  content: string;
  children: Token[] | null;
  attrGet(name: string): string | null;
  attrJoin(name: string, value: string): void;
}

export interface InlineState {
  src: string;
  pos: number;
  posMax: number;
  md: MarkdownIt;
  push(type: string, tag: string, nesting: 1 | 0 | -1): Token;
}

export interface BlockState {
  src: string;
  bMarks: number[];
  eMarks: number[];
  tShift: number[];
}

export type InlineRule = (state: InlineState, silent: boolean) => boolean;
export type BlockRule = (state: BlockState, line: number, end: number, silent: boolean) => boolean;
export type CoreRule = (state: { tokens: Token[] }) => void;
export type RenderRule = (tokens: Token[], index: number) => string;

interface Ruler<Rule> {
  before(existing: string, name: string, rule: Rule): void;
  after(existing: string, name: string, rule: Rule): void;
  getRules(chain: string): Rule[];
}

export interface MarkdownIt {
  core: { ruler: Ruler<CoreRule> };
  block: { ruler: Ruler<BlockRule> };
  inline: { ruler: Ruler<InlineRule>; tokenize(state: InlineState): void };
  renderer: { rules: Record<string, RenderRule> };
  utils: { escapeHtml(text: string): string };
  render(text: string): string;
  use(plugin: unknown, options?: object): MarkdownIt;
}

export interface Theme {
  readonly chosen: string;
  apply(): void;
}

declare global {
  interface Window extends Partial<Libraries> {
    markdownit(options: object): MarkdownIt;
    DOMPurify: { sanitize(html: string, options: object): DocumentFragment };
    theme: Theme;
  }
}
