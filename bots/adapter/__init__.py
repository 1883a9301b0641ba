"""What all bots share: who may use them, what a message means, how it is taken in, and how a reply is delivered."""
