package fogbed;

import org.apache.flink.api.connector.sink2.Sink;
import org.apache.flink.api.connector.sink2.SinkWriter;
import org.apache.flink.api.connector.sink2.WriterInitContext;

/** The sink {@code print}: each answer as a line on the TaskManager's standard output. */
final class PrintAnswers implements Sink<Answer> {

    private static final long serialVersionUID = 1;

    private final AnswerEncoder encoder;

    PrintAnswers(Landmarks landmarks) {
        encoder = new AnswerEncoder(landmarks);
    }

    @Override
    public SinkWriter<Answer> createWriter(WriterInitContext context) {
        return new Writer();
    }

    private final class Writer implements SinkWriter<Answer> {

        @Override
        public void write(Answer answer, Context context) {
            System.out.println(encoder.line(answer));
        }

        @Override
        public void flush(boolean endOfInput) {
            System.out.flush();
        }

        @Override
        public void close() {}
    }
}
