// Versions of questions and replies: which messages are shown, and which belong together.

/**
 * @import { Attachment, Message } from '../net/types.js'
 * @import { Conversation } from './conversation.js'
 */

/**
 * The messages of one turn's question, edited as a whole. `seq` is that of the first message.
 * @typedef {object} Question
 * @property {Message[]} messages
 * @property {number} seq
 * @property {string} text
 * @property {Attachment[]} attachments
 * @property {number[]} versions
 */

/**
 * Return the messages that are shown. The server says what is replaced. An edit that is being sent is shown in its
 * place at once, unless another message comes before it.
 * @param {Message[]} messages
 * @param {Pick<Conversation, 'running' | 'waiting' | 'outgoing'>} conversation
 */
export function visibleMessages(messages, { running, waiting, outgoing }) {
  const kept = messages.filter((message) => !message.replaced);
  if (running) {
    const after = running.question[0]?.after;
    return after == null ? kept : kept.filter((message) => message.seq <= after || message.turn === running.turn);
  }
  const next = waiting[0] || outgoing[0];
  const replaced = next?.replaces && kept.find((message) => message.seq === next.replaces);
  return replaced ? kept.filter((message) => message.turn < replaced.turn) : kept;
}

/**
 * Group the user messages by turn.
 * @param {Message[]} messages
 */
export function userMessagesByTurn(messages) {
  /** @type {Map<number, Message[]>} */
  const byTurn = new Map();
  for (const message of messages) {
    if (message.role !== 'user') continue;
    const group = byTurn.get(message.turn);
    if (group) group.push(message);
    else byTurn.set(message.turn, [message]);
  }
  return byTurn;
}

/**
 * Return the newest version of a turn's reply, shown or not. Without a turn: the newest of all replies.
 * @param {Iterable<Message>} messages
 * @param {number} [turn]
 */
export function newestReply(messages, turn) {
  const replies = [...messages].filter(
    (message) => message.role === 'assistant' && (turn === undefined || message.turn === turn),
  );
  return replies.sort((a, b) => a.seq - b.seq).at(-1);
}

/**
 * Return the newer version of a shown reply if it failed: regenerating the reply did not work.
 * @param {Message[]} messages
 * @param {Message} reply
 */
export function failedNewerVersion(messages, reply) {
  const newest = newestReply(messages, reply.turn);
  return newest && newest.seq > reply.seq && newest.status === 'failed' ? newest : null;
}

/** @type {WeakMap<Message, Question>} by the last message */
const questions = new WeakMap();

/**
 * Return the question that these user messages form. Returns the same object for the same messages, so that a view sees
 * that nothing has changed.
 * @param {Message[]} messages at least one
 */
export function questionOf(messages) {
  const last = messages[messages.length - 1];
  const known = questions.get(last);
  const isKnown = known?.messages.length === messages.length;
  if (known && isKnown && messages.every((message, index) => message === known.messages[index])) return known;
  /** @type {Question} */
  const question = {
    messages,
    seq: messages[0].seq,
    text: joinTexts(...messages.map((message) => message.text)),
    attachments: messages.flatMap((message) => message.attachments || []),
    versions: messages[0].versions || [],
  };
  questions.set(last, question);
  return question;
}

/**
 * Join texts as paragraphs. Empty ones are left out.
 * @param {...(string | null | undefined)} texts
 */
export const joinTexts = (...texts) => texts.filter((text) => text?.trim()).join('\n\n');
