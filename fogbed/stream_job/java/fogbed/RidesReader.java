package fogbed;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.apache.flink.api.connector.source.ReaderOutput;
import org.apache.flink.api.connector.source.SourceReader;
import org.apache.flink.core.io.InputStatus;
import org.apache.flink.metrics.Counter;
import org.apache.flink.metrics.Gauge;
import org.apache.flink.metrics.MetricGroup;

/**
 * One subtask of the source: emits each ride of its splits when it is due.
 *
 * <p>It never sleeps in the task's thread, where waiting would count as being busy: it says that
 * nothing is available and lets a timer tell when to ask again.
 */
final class RidesReader implements SourceReader<RideLine, RidesSplit> {

    // Rides per call: few enough that a checkpoint barrier does not wait, enough that the task's
    // own loop costs little beside them.
    private static final int BATCH = 16;
    // Waking up for every ride costs more than it gains: what falls due meanwhile goes together.
    private static final long SHORTEST_WAIT_MICROS = 1000;
    private static final long LONGEST_WAIT_MICROS = 60_000_000;
    private static final CompletableFuture<Void> NOW = CompletableFuture.completedFuture(null);

    private final Schedule schedule;
    private final RideCursor cursor;
    private final RideParser parser = new RideParser();
    private final RideLine ride = new RideLine();
    private final long spanSeconds;
    private final ScheduledExecutorService timer;
    private final Counter ridesOut;

    private CompletableFuture<Void> available = new CompletableFuture<>();
    private boolean noMoreSplits;
    private boolean holding; // the cursor's current ride was looked at and is not emitted yet
    private long due;
    private long pickup;
    private long now;
    private volatile long nextDue = Schedule.NEVER;

    RidesReader(MetricGroup metrics, PreparedRides rides, Schedule schedule, boolean loop) {
        this.schedule = schedule;
        this.spanSeconds = rides.spanSeconds();
        this.pickup = rides.firstPickup();
        try {
            cursor = new RideCursor(rides, loop);
            schedule.open(cursor.lines());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        timer =
                Executors.newSingleThreadScheduledExecutor(
                        task -> {
                            Thread thread = new Thread(task, "rides-timer");
                            thread.setDaemon(true);
                            return thread;
                        });
        ridesOut = metrics.counter("ridesOut");
        metrics.gauge("backlogRides", (Gauge<Long>) this::backlogRides);
        metrics.gauge("backlogSeconds", (Gauge<Double>) this::backlogSeconds);
        metrics.gauge("originMs", (Gauge<Double>) () -> cursor.originMicros() / 1e3);
        metrics.gauge("position", (Gauge<Long>) cursor::position);
    }

    @Override
    public void start() {}

    @Override
    public InputStatus pollNext(ReaderOutput<RideLine> output) throws IOException {
        if (schedule.isUnlimited()) {
            now = EpochMicros.now();
        }
        for (int i = 0; i < BATCH; i++) {
            if (!holding && !hold()) {
                return end();
            }
            if (due > now) {
                now = EpochMicros.now();
                if (due > now) {
                    return waitUntilDue();
                }
            }
            RideLines lines = cursor.lines();
            ride.set(
                    cursor.number(),
                    schedule.isUnlimited() ? now : due,
                    lines.bytes(),
                    lines.start(),
                    lines.end());
            output.collect(ride);
            ridesOut.inc();
            holding = false;
            cursor.emitted();
        }
        nextDue = due;
        return InputStatus.MORE_AVAILABLE;
    }

    private boolean hold() throws IOException {
        if (!cursor.advance()) {
            return false;
        }
        if (schedule.needsPickup()) {
            RideLines lines = cursor.lines();
            long read = parser.pickupTime(lines.bytes(), lines.start(), lines.end());
            // a time that cannot be read (raw files) falls due with the ride before it
            if (read != WallClock.BAD) {
                pickup = Math.max(pickup, read + cursor.lap() * spanSeconds);
            }
        }
        due = cursor.originMicros() + schedule.due(cursor.number(), pickup);
        holding = true;
        return true;
    }

    private InputStatus waitUntilDue() {
        nextDue = due;
        long wait = Math.min(Math.max(due - now, SHORTEST_WAIT_MICROS), LONGEST_WAIT_MICROS);
        CompletableFuture<Void> woken = new CompletableFuture<>();
        available = woken;
        timer.schedule(() -> woken.complete(null), wait, TimeUnit.MICROSECONDS);
        return InputStatus.NOTHING_AVAILABLE;
    }

    private InputStatus end() {
        nextDue = Schedule.NEVER;
        if (noMoreSplits) {
            return InputStatus.END_OF_INPUT;
        }
        available = new CompletableFuture<>();
        return InputStatus.NOTHING_AVAILABLE;
    }

    @Override
    public CompletableFuture<Void> isAvailable() {
        return holding && due <= now ? NOW : available;
    }

    @Override
    public void addSplits(List<RidesSplit> splits) {
        try {
            cursor.add(splits);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        holding = false;
        available.complete(null);
    }

    @Override
    public void notifyNoMoreSplits() {
        noMoreSplits = true;
        available.complete(null);
    }

    @Override
    public List<RidesSplit> snapshotState(long checkpoint) {
        return cursor.splits();
    }

    private long backlogRides() {
        if (schedule.isUnlimited() || !cursor.hasSplits()) {
            return 0;
        }
        return cursor.behind(schedule.dueBy(EpochMicros.now() - cursor.originMicros()));
    }

    private double backlogSeconds() {
        return schedule.isUnlimited() ? 0 : Math.max(0, (EpochMicros.now() - nextDue) / 1e6);
    }

    @Override
    public void close() throws IOException {
        timer.shutdownNow();
        cursor.close();
    }
}
