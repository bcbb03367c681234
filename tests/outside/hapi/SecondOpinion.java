import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.DefaultProfileValidationSupport;
import ca.uhn.fhir.context.support.IValidationSupport.IssueSeverity;
import ca.uhn.fhir.parser.IParser;
import ca.uhn.fhir.validation.FhirValidator;
import ca.uhn.fhir.validation.SingleValidationMessage;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.hl7.fhir.common.hapi.validation.support.CommonCodeSystemsTerminologyService;
import org.hl7.fhir.common.hapi.validation.support.InMemoryTerminologyServerValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.PrePopulatedValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.SnapshotGeneratingValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.UnknownCodeSystemWarningValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.ValidationSupportChain;
import org.hl7.fhir.common.hapi.validation.validator.FhirInstanceValidator;

/**
 * What the HAPI FHIR instance validator says of resources: one line a message, with the number of
 * the resource, severity, place and words, between tabs. Nothing is fetched from anywhere.
 *
 * <p>java -cp CLASSPATH SecondOpinion.java KNOWN.ndjson RESOURCES.ndjson
 */
public class SecondOpinion {
  public static void main(String[] args) throws Exception {
    FhirContext context = FhirContext.forR4();
    IParser parser = context.newJsonParser();
    PrePopulatedValidationSupport known = new PrePopulatedValidationSupport(context);
    for (String line : Files.readAllLines(Path.of(args[0]))) {
      known.addResource(parser.parseResource(line));
    }
    UnknownCodeSystemWarningValidationSupport unknown =
        new UnknownCodeSystemWarningValidationSupport(context);
    unknown.setNonExistentCodeSystemSeverity(IssueSeverity.WARNING);
    FhirInstanceValidator rules =
        new FhirInstanceValidator(
            new ValidationSupportChain(
                new DefaultProfileValidationSupport(context),
                known,
                new CommonCodeSystemsTerminologyService(context),
                new InMemoryTerminologyServerValidationSupport(context),
                new SnapshotGeneratingValidationSupport(context),
                unknown));
    rules.setErrorForUnknownProfiles(false);
    rules.setAnyExtensionsAllowed(true);
    FhirValidator validator = context.newValidator().registerValidatorModule(rules);
    PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    int number = 0;
    for (String line : Files.readAllLines(Path.of(args[1]))) {
      for (SingleValidationMessage said : validator.validateWithResult(line).getMessages()) {
        String words = said.getMessage().replaceAll("\\s+", " ");
        out.printf(
            "%d\t%s\t%s\t%s%n",
            number, said.getSeverity().getCode(), said.getLocationString(), words);
      }
      number++;
    }
    out.printf("%d\tdone\t\t%n", number);
  }
}
