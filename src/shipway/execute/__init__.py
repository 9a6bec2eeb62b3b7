"""Do: a Plan and open channels in, Events and an Ending out. The only stage that waits for hosts."""
