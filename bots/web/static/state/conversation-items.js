// The items of the thread, in the order they are shown: kept messages, the running turn, queued and outgoing messages.

import { failedNewerVersion, questionOf, userMessagesByTurn, visibleMessages } from './message-versions.js';

/**
 * @import { OutgoingMessage } from '../net/outbox.js'
 * @import { Attachment, Message } from '../net/types.js'
 * @import { Conversation, Retry, RunningState, ServiceState } from './conversation.js'
 * @import { Question } from './message-versions.js'
 */

/**
 * A message of the user: kept by the server, queued there, or on its way.
 * @typedef {object} UserData
 * @property {string} [id]
 * @property {number} [seq]
 * @property {number} [turn]
 * @property {string} [at]
 * @property {string} [text]
 * @property {string} [message] the text of a queued or outgoing message
 * @property {Attachment[]} [attachments]
 * @property {boolean} [isRefused]
 */

/**
 * @typedef {object} UserItem
 * @property {'user'} kind
 * @property {string} key stays the same from "sending" to "answered", so that the element is kept
 * @property {UserData} data
 * @property {string} status
 * @property {string} [error] why it is not sent
 * @property {number} [place] its index in the queue
 * @property {boolean} [isBehindTurn] whether a turn is running before it
 * @property {Question} [question] what an edit of this message changes
 * @property {boolean} [isEditable]
 * @property {boolean} [isBusy] whether versions cannot be switched now
 */

/**
 * @typedef {Pick<Message, 'turn' | 'text'> & Partial<Message>} ReplyData
 *
 * @typedef {object} ReplyItem
 * @property {'reply'} kind
 * @property {string} key
 * @property {ReplyData} data
 * @property {string} status
 * @property {boolean} [isBusy]
 * @property {boolean} [isLast]
 * @property {Message | null} [failedVersion] a newer version that failed
 * @property {Retry | null} [retry]
 * @property {ServiceState} [service]
 * @property {boolean} [isStopping]
 *
 * @typedef {UserItem | ReplyItem} Item
 */

const NOT_EDITABLE = ['noted', 'withdrawn', 'forgotten'];

/**
 * @param {Conversation} conversation
 * @returns {Item[]}
 */
export function itemsOf(conversation) {
  const { gap, running } = conversation;
  const loaded = [...conversation.messages.values()].filter((message) => !gap || message.seq <= gap.low);
  const shown = visibleMessages(loaded, conversation).sort((a, b) => a.turn - b.turn || a.seq - b.seq);
  const replies = shown.filter((message) => message.role === 'assistant');
  const newestByTurn = new Map(replies.map((message) => [message.turn, message])); // the others were replaced
  const lastReply = replies.at(-1);
  const userMessages = userMessagesByTurn(shown);
  /** @type {Item[]} */
  const items = [];
  for (const message of shown) {
    if (message.role === 'user') {
      items.push(userItem(conversation, message, message.status, userMessages));
    } else if (newestByTurn.get(message.turn) === message && message.turn !== running?.turn) {
      const isLast = message === lastReply && !running && !gap;
      items.push({
        key: `t${message.turn}`,
        kind: 'reply',
        data: message,
        status: message.status,
        isBusy: Boolean(running && message.versions?.length),
        isLast,
        failedVersion: isLast ? failedNewerVersion(loaded, message) : null,
      });
    }
  }
  if (gap) return items;
  if (running) addRunningItems(conversation, running, items);
  conversation.waiting.forEach((data, place) => {
    const isBehindTurn = Boolean(running);
    items.push({ key: `m${data.id}`, kind: 'user', data, status: 'waiting', place, isBehindTurn });
  });
  return items.concat(outgoingItems(conversation.outgoing));
}

/**
 * @param {OutgoingMessage[]} outgoing
 * @returns {UserItem[]}
 */
function outgoingItems(outgoing) {
  // A failed message holds back the later ones.
  const blocking = outgoing.find((message) => message.error && !message.isRefused)?.error;
  return outgoing.map((data) => {
    const error = data.error || blocking || undefined;
    return { key: `m${data.id}`, kind: 'user', data, status: error ? 'unsent' : 'sending', error };
  });
}

/**
 * A message that the server keeps. The question can be edited at its last message, which also shows the versions. It
 * keeps its element from one version to the next.
 * @param {Conversation} conversation
 * @param {Message} message
 * @param {string} status
 * @param {Map<number, Message[]>} userMessages
 * @returns {UserItem}
 */
function userItem(conversation, message, status, userMessages) {
  /** @type {UserItem} */
  const item = { key: `m${message.id || message.seq}`, kind: 'user', data: message, status };
  const messages = userMessages.get(message.turn) ?? [message];
  if (messages.at(-1) !== message || NOT_EDITABLE.includes(status)) return item;
  const question = questionOf(messages);
  item.question = question;
  item.isEditable = question.seq >= conversation.replaceable;
  item.isBusy = Boolean(conversation.running && question.versions.length);
  if (question.versions.length > 1) item.key = `v${question.versions[0]}`;
  return item;
}

/**
 * @param {Conversation} conversation
 * @param {RunningState} running
 * @param {Item[]} items
 */
function addRunningItems(conversation, running, items) {
  const { turn, text, question, retry, service } = running;
  const userMessages = userMessagesByTurn(question);
  for (const message of question) {
    if (conversation.messages.has(message.seq)) continue;
    items.push(userItem(conversation, message, 'running', userMessages));
  }
  const isStopping = conversation.stopping === turn;
  const data = { turn, text };
  /** @type {ReplyItem} */
  const reply = { key: `t${turn}`, kind: 'reply', data, status: 'running', retry, service, isStopping };
  // Regenerated in the middle of a conversation, the reply is shown in the place of the old one.
  const after = items.findIndex((item) => (item.data.turn ?? 0) > turn);
  if (after < 0) items.push(reply);
  else items.splice(after, 0, reply);
}
